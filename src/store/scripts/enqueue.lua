-- Accepts a job.
--
-- ARGV  2 job id · 3 endpoint · 4 line (reads, changes) · 5 priority's worth in milliseconds · 6 start time or ''
--       7 queue timeout in milliseconds · 8 request key or '' · 9 request fingerprint · 10 sealed secret or ''
--       11 tokens of the device index, joined by newlines · 12… fields of the job hash, name and value in turn
-- Gives {'OK', now, state, expires} · {'REPLAYED', id} · {'REUSED', id} · {'CLOSED'} (the device is being removed)
-- Cost  O(log n) in the lengths of the line and the indexes

local id, endpoint, line = ARGV[2], ARGV[3], ARGV[4]

if ARGV[8] ~= '' then
  local seen = redis.call('HMGET', key('request', ARGV[8]), 'id', 'fp')
  if seen[1] then return { seen[2] == ARGV[9] and 'REPLAYED' or 'REUSED', seen[1] } end
end
if redis.call('HEXISTS', key('ep', endpoint), 'closed') == 1 then return { 'CLOSED' } end

local start = tonumber(ARGV[6] ~= '' and ARGV[6] or now)
local later = start > now
local state = later and 'DELAYED' or 'QUEUED'
-- The time of acceptance, made unique within the zone, so that jobs accepted in one millisecond keep their order too.
local accepted = math.max(now, tonumber(redis.call('GET', key('order')) or 0) + 0.001)
local score = string.format('%.3f', accepted - tonumber(ARGV[5]))
local expires = math.max(start, now) + tonumber(ARGV[7])
local job = key('job', id)

redis.call('SET', key('order'), string.format('%.3f', accepted))
redis.call('HSET', job, 'st', state, 'ct', ms(now), 'sc', score, 'ex', ms(expires), 'n', 0, 'att', 0, unpack(ARGV, 12))
if ARGV[8] ~= '' then redis.call('HSET', key('request', ARGV[8]), 'id', id, 'fp', ARGV[9]) end
if ARGV[10] ~= '' then redis.call('SET', key('secret', id), ARGV[10]) end
redis.call('ZADD', key('ix:all'), 0, id)
redis.call('ZADD', key('ix:state', state), 0, id)
for token in string.gmatch(ARGV[11], '[^\n]+') do
  redis.call('ZADD', key('ix:device', token), 0, id)
end
if later then
  redis.call('HSET', job, 'sa', ms(start))
  redis.call('ZADD', key('delayed'), start, id)
  redis.call('SADD', key('later', endpoint), id)
  redis.call('ZADD', key('expire'), expires, id)
else
  redis.call('HSET', job, 'qt', ms(now))
  enter_line(id, endpoint, line, score, expires)
end
announce(id, event(id, 0, state_body(state)))
if not later then place(endpoint) end
return { 'OK', ms(now), state, ms(expires) }
