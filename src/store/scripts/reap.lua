-- Buries a worker whose beat has not changed while a reaper watched, and frees its devices, a bounded number a call.
-- Also ends the registration of one that retires: then the beat is not asked for.
-- @include lose
--
-- ARGV  2 worker · 3 the beat the reaper saw, or 'retire' · 4 devices to free at most
-- Gives {'1' when it is buried, devices still to free}
-- Cost  O(devices · log n)

local worker, limit = ARGV[2], tonumber(ARGV[4])
local me = key('worker', worker)
local facts = redis.call('HMGET', me, 'st', 'beat')
if not facts[1] then return { '1', 0 } end
if facts[1] ~= 'dead' then
  if ARGV[3] ~= 'retire' and facts[2] ~= ARGV[3] then return { '0', 0 } end
  redis.call('HSET', me, 'st', 'dead', 'dead', ms(now))
  redis.call('SREM', key('alive'), worker)
  redis.call('SREM', key('idle'), worker)
  redis.call('ZADD', key('graves'), now, worker)
end

for _, endpoint in ipairs(redis.call('SRANDMEMBER', key('owned', worker), limit)) do
  local device = key('ep', endpoint)
  local run = redis.call('HGET', device, 'run')
  if run then
    redis.call('HDEL', device, 'run')
    lose(run, endpoint)
  end
  let_go(endpoint, worker)
  place(endpoint)
end
local left = redis.call('SCARD', key('owned', worker))
if left == 0 then redis.call('UNLINK', key('warm', worker), key('cancels', worker)) end
return { '1', left }
