-- Accepts a job.
--
-- ARGV  2 job id · 3 endpoint · 4 line (reads, changes) · 5 priority's worth in milliseconds · 6 start time or ''
--       7 queue timeout in milliseconds · 8 request key or '' · 9 request fingerprint · 10 sealed secret or ''
--       11 tokens of the device index, joined by newlines · 12 names it may be limited by, joined by newlines · 13 named
--       queue or '' · 14 dedupe key or '' · 15 dedupe policy (REJECT, JOIN, REPLACE) · 16 '1' to fail when something
--       keeps it from starting · 17 the job it retries, or '' · 18… fields of the job hash, name and value in turn
-- Gives {'OK', now, state, expires} · {'REPLAYED', id} · {'REUSED', id} · {'CLOSED'} (the device is being removed) ·
--       {'DUPLICATE', id} · {'JOINED', id} · {'NOT_RETRYABLE', state}
-- Cost  O(log n) in the lengths of the line and the indexes

local id, endpoint, line, names, queue, dedupe = ARGV[2], ARGV[3], ARGV[4], ARGV[12], ARGV[13], ARGV[14]
local job = key('job', id)

if ARGV[8] ~= '' then
  local seen = redis.call('HMGET', key('request', ARGV[8]), 'id', 'fp')
  if seen[1] then return { seen[2] == ARGV[9] and 'REPLAYED' or 'REUSED', seen[1] } end
end
if redis.call('HEXISTS', key('ep', endpoint), 'closed') == 1 then return { 'CLOSED' } end
if ARGV[17] ~= '' then
  local before = redis.call('HMGET', key('job', ARGV[17]), 'st', 'rsl', 'rby')
  if not FINAL[before[1]] or (before[1] == 'INDETERMINATE' and not before[2]) then
    return { 'NOT_RETRYABLE', before[1] or '' }
  end
end
local twin = dedupe ~= '' and redis.call('GET', key('dedupe', dedupe))
local twin_state
if twin then
  if ARGV[15] == 'REJECT' then return { 'DUPLICATE', twin } end
  if ARGV[15] == 'JOIN' then
    if ARGV[8] ~= '' then redis.call('HSET', key('request', ARGV[8]), 'id', twin, 'fp', ARGV[9]) end
    return { 'JOINED', twin }
  end
  twin_state = redis.call('HGET', key('job', twin), 'st')
end

local start = tonumber(ARGV[6] ~= '' and ARGV[6] or now)
local later = start > now
local state = later and 'DELAYED' or 'QUEUED'
-- The time of acceptance, made unique within the zone, so that jobs accepted in one millisecond keep their order too.
local accepted = math.max(now, tonumber(redis.call('GET', key('order')) or 0) + 0.001)
local score = string.format('%.3f', accepted - tonumber(ARGV[5]))
local expires = ms(math.max(start, now) + tonumber(ARGV[7]))

-- What a job replaces is cancelled when it has not started; what runs goes on, and this one waits behind it.
if twin_state == 'DELAYED' or twin_state == 'QUEUED' then
  local old = redis.call('HMGET', key('job', twin), 'ep', 'line', 'att')
  withdraw(twin, old[1], old[2])
  redis.call('HSET', key('job', twin), 'eff', 'NONE')
  close_job(twin, twin_state, 'CANCELLED')
  event(twin, old[3], '"k":"log","lv":"info","m":' .. cjson.encode('replaced by job ' .. id))
  announce(twin, event(twin, old[3], state_body('CANCELLED')))
  place(old[1])
end

redis.call('SET', key('order'), string.format('%.3f', accepted))
redis.call('HSET', job, 'st', state, 'ct', ms(now), 'sc', score, 'ex', expires, 'n', 0, 'att', 0, unpack(ARGV, 18))
if ARGV[8] ~= '' then
  redis.call('HSET', key('request', ARGV[8]), 'id', id, 'fp', ARGV[9])
  redis.call('HSET', job, 'request', ARGV[8])
end
if ARGV[10] ~= '' then redis.call('SET', key('secret', id), ARGV[10]) end
if queue ~= '' then
  redis.call('HSET', job, 'queue', queue)
  redis.call('SADD', key('queues'), queue)
  redis.call('ZADD', key('queue', queue), now, id)
end
if dedupe ~= '' then
  redis.call('SET', key('dedupe', dedupe), id)
  redis.call('HSET', job, 'dedupe', dedupe)
end
if ARGV[17] ~= '' then
  redis.call('HSET', job, 'rof', ARGV[17])
  redis.call('HSET', key('job', ARGV[17]), 'rby', id)
end
redis.call('ZADD', key('ix:all'), 0, id)
redis.call('ZADD', key('ix:state', state), 0, id)
for token in string.gmatch(ARGV[11], '[^\n]+') do
  redis.call('ZADD', key('ix:device', token), 0, id)
end

local limited = names ~= '' and (queue ~= '' or redis.call('EXISTS', key('limits'), key('paused')) > 0)
if names ~= '' then redis.call('HSET', job, 'names', names) end

if ARGV[16] == '1' and not later then
  local device = gates(endpoint)
  local why
  if device.paused then
    why = 'QUEUE_PAUSED'
  elseif device.hold and line == 'changes' then
    why = 'DEVICE_HELD'
  elseif device.lock and (device.lock == 'ALL' or line == 'changes') then
    local mine = redis.call('HMGET', key('ep', endpoint), 'locker')[1] == redis.call('HGET', job, 'by')
    why = not mine and 'DEVICE_LOCKED'
  end
  if not why and limited then
    local full = acquire(id, names)
    why = full and (ceiling(full) == 0 and 'QUEUE_PAUSED' or 'LIMIT_REACHED')
  end
  if why then
    local failure = cjson.encode({ reason = why, message = 'Something keeps the job from starting, and it was not to wait.' })
    event(id, 0, state_body('QUEUED'))
    redis.call('HSET', job, 'err', failure, 'eff', 'NONE')
    close_job(id, state, 'FAILED')
    announce(id, event(id, 0, state_body('FAILED') .. ',"x":' .. failure))
    return { 'OK', ms(now), 'FAILED', expires }
  end
end

announce(id, event(id, 0, state_body(state)))
if later then
  redis.call('HSET', job, 'sa', ms(start))
  redis.call('ZADD', key('delayed'), start, id)
  redis.call('SADD', key('later', endpoint), id)
  redis.call('ZADD', key('expire'), expires, id)
  return { 'OK', ms(now), state, expires }
end

redis.call('HSET', job, 'qt', ms(now))
-- A job that a full limit blocks never gets into the way of a claim.
local full
if limited and ARGV[16] ~= '1' then
  for name in string.gmatch(names, '[^\n]+') do
    local most = ceiling(name)
    if most and (most == 0 or redis.call('SCARD', key('permits', name)) >= most) then full = name end
  end
end
if full then
  park(id, endpoint, full, score, expires)
else
  enter_line(id, endpoint, line, score, expires)
  place(endpoint)
end
return { 'OK', ms(now), state, expires }
