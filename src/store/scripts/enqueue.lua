-- Accepts a job.
-- @include event, move, lines, place, limits, close_job
--
-- ARGV  2 job id · 3 endpoint · 4 line (reads, changes) · 5 priority's worth in milliseconds · 6 start time or ''
--       7 queue timeout in milliseconds · 8 request key or '' · 9 request fingerprint · 10 sealed secret or ''
--       11 tokens of the device index, joined by newlines · 12 names it may be limited by, joined by newlines · 13 named
--       queue or '' · 14 dedupe key or '' · 15 dedupe policy (REJECT, JOIN, REPLACE) · 16 '1' to fail when something
--       keeps it from starting · 17 the job it retries, or '' · 18 creator · 19… fields of the job hash, name and value
--       in turn
-- Gives {'OK', now, state, expires} · {'REPLAYED', id} · {'REUSED', id} · {'CLOSED'} (the device is being removed) ·
--       {'DUPLICATE', id} · {'JOINED', id} · {'NOT_RETRYABLE', state}
-- Cost  O(log n) in the lengths of the line and the indexes

local id, endpoint, line, names, queue, dedupe = ARGV[2], ARGV[3], ARGV[4], ARGV[12], ARGV[13], ARGV[14]
local job, request = key('job', id), ARGV[8] ~= '' and key('request', ARGV[8])
local signature = id .. ' ' .. ARGV[9]

-- How a repeated request is answered. What is kept of a request is "<job id> <fingerprint>".
local function repeated(seen)
  local earlier, fingerprint = string.match(seen, '^(%S+) (.*)$')
  return { fingerprint == ARGV[9] and 'REPLAYED' or 'REUSED', earlier }
end

local device = gates(endpoint)
if device.closed or ARGV[17] ~= '' or dedupe ~= '' then
  local seen = request and call('GET', request)
  if seen then return repeated(seen) end
end
if device.closed then return { 'CLOSED' } end
if ARGV[17] ~= '' then
  local before = call('HMGET', key('job', ARGV[17]), 'st', 'rsl')
  if not FINAL[before[1]] or (before[1] == 'INDETERMINATE' and not before[2]) then
    return { 'NOT_RETRYABLE', before[1] or '' }
  end
end
local twin = dedupe ~= '' and call('GET', key('dedupe', dedupe))
if twin and ARGV[15] == 'REJECT' then return { 'DUPLICATE', twin } end
if twin and ARGV[15] == 'JOIN' then
  if request then
    call('SET', request, twin .. ' ' .. ARGV[9])
    -- Retention forgets the request ids of a job by these names.
    local others = call('HGET', key('job', twin), 'request')
    call('HSET', key('job', twin), 'request', (others and others .. ' ' or '') .. ARGV[8])
  end
  return { 'JOINED', twin }
end
if request then
  local seen = call('SET', request, signature, 'NX', 'GET')
  if seen then return repeated(seen) end
end

-- What a job replaces is cancelled when it has not started; what runs goes on, and this one waits behind it.
if twin then
  local old = call('HMGET', key('job', twin), 'st', 'ep', 'line', 'att')
  if old[1] == 'DELAYED' or old[1] == 'QUEUED' then
    withdraw(twin, old[2], old[3])
    close_waiting(twin, old[1], 'CANCELLED')
    event(twin, old[4], '"k":"log","lv":"info","m":' .. cjson.encode('replaced by job ' .. id))
    announce(twin, event(twin, old[4], state_body('CANCELLED')))
    place(old[2])
    device = gates(endpoint)
  end
end

local start = tonumber(ARGV[6] ~= '' and ARGV[6] or now)
local later = start > now
local state = later and 'DELAYED' or 'QUEUED'
local score = string.format('%.3f', moment - ARGV[5])
local expires = ms((later and start or now) + ARGV[7])

local fields = { 'st', state, 'ct', now_text, 'sc', score, 'ex', expires, 'qto', ARGV[7], 'n', 1, 'att', 0, unpack(ARGV, 19) }
local function field(name, value)
  fields[#fields + 1] = name
  fields[#fields + 1] = value
end
field(later and 'sa' or 'qt', later and ms(start) or now_text)
field('names', names)
if request then field('request', ARGV[8]) end
if ARGV[10] ~= '' then
  call('SET', key('secret', id), ARGV[10])
  field('sealed', 1)
end
if queue ~= '' then
  field('queue', queue)
  call('SADD', key('queues'), queue)
  call('ZADD', key('queue', queue), now, id)
end
if dedupe ~= '' then
  field('dedupe', dedupe)
  call('SET', key('dedupe', dedupe), id)
end
if ARGV[17] ~= '' then
  field('rof', ARGV[17])
  call('HSET', key('job', ARGV[17]), 'rby', id)
end
call('HSET', job, unpack(fields))
call('RPUSH', key('events', id), event_json(1, 0, state_body(state)))
call('ZADD', key('ix:all'), 0, id)
call('ZADD', key('ix:state', state), 0, id)
for token in string.gmatch(ARGV[11], '[^\n]+') do
  call('ZADD', key('ix:device', token), 0, id)
end

if later then
  call('ZADD', key('delayed'), start, id)
  call('SADD', key('later', endpoint), id)
  call('ZADD', key('expire'), expires, id)
  announce(id, 1)
  return { 'OK', now_text, state, expires }
end

-- A job that a full limit blocks never gets into the way of a claim.
local full = (queue ~= '' or call('EXISTS', key('limits'), key('paused')) > 0) and full_limit(id, names)
local from = source(endpoint, line, device)
local passes = device.locker == ARGV[18]

if ARGV[16] == '1' then
  local why, what, metadata
  if device.paused then
    why, what, metadata = 'QUEUE_PAUSED', 'its device is paused', { endpoint = endpoint }
  elseif not from then
    why, what, metadata = 'DEVICE_HELD', 'its device is held for job ' .. device.hold, { job = device.hold }
  elseif device.lock and from ~= key(line, endpoint) and not passes then
    why, what, metadata = 'DEVICE_LOCKED', 'its device is locked by ' .. device.locker, { owner = device.locker }
  elseif full and ceiling(full) == 0 then
    why, what, metadata = 'QUEUE_PAUSED', full .. ' is paused', { limit = full }
  elseif full then
    why, what, metadata = 'LIMIT_REACHED', 'the limit of ' .. full .. ' is reached', { limit = full }
  end
  if why then
    local message = 'The job was not to wait, and ' .. what .. '.'
    local failure = cjson.encode({ reason = why, message = message, metadata = metadata })
    call('HSET', job, 'err', failure)
    close_waiting(id, state, 'FAILED')
    announce(id, event(id, 0, state_body('FAILED') .. ',"x":' .. failure))
    return { 'OK', now_text, 'FAILED', expires }
  end
end

if full then
  park(id, endpoint, full, score, expires)
else
  call('ZADD', key(line, endpoint), score, id)
  call('ZADD', key('expire'), expires, id)
  if passes then call('ZADD', key(line .. '-pass', endpoint), score, id) end
  -- A device that runs something is offered when that ends; one that is on offer already may have a new head.
  if from and not device.run and (passes or from == key(line, endpoint)) then
    offer(endpoint, device, score, 'LT')
  end
end
announce(id, 1)
return { 'OK', now_text, state, expires }
