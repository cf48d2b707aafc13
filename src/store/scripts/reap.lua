-- Buries a worker whose beat has not changed while a reaper watched, and frees its devices, a bounded number a call.
-- Also ends the registration of one that retires: then the beat is not asked for.
--
-- ARGV  2 worker · 3 the beat the reaper saw, or 'retire' · 4 devices to free at most
-- Gives {'1' when it is buried, devices still to free}
-- Cost  O(devices · log n)
--
-- What ran: at-most-once work past its point of no return becomes INDETERMINATE and its device is held, in this same
-- script; anything else goes back into its line, on a budget of its own.

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

local LOST = '{"reason":"WORKER_LOST","message":"The worker was lost during the work."}'

local function lose(id, endpoint)
  local job = key('job', id)
  local run = redis.call('HMGET', job, 'st', 'att', 'cls', 'it', 'sc', 'ex', 'line', 'loss')
  local from, attempt = run[1], run[2]
  redis.call('HSET', job, 'z' .. attempt, '{"e":' .. ms(now) .. ',"x":' .. LOST .. '}')
  local to
  if run[4] and run[3] == 'AT_MOST_ONCE' then
    to = 'INDETERMINATE'
  elseif from == 'CANCELLING' then
    to = 'CANCELLED'
  elseif tonumber(run[8] or 0) >= LOSSES_ALLOWED then
    to = 'FAILED'
  end
  if to then
    redis.call('HSET', job, 'err', LOST)
    close_job(id, from, to)
    if to == 'INDETERMINATE' then
      hold(endpoint, id)
    else
      redis.call('HSET', job, 'eff', 'NONE')
    end
  else
    to = 'QUEUED'
    yield_permits(id)
    move(id, from, to)
    redis.call('HSET', job, 'st', to, 'qt', ms(now))
    redis.call('HINCRBY', job, 'ref', 1)
    redis.call('HINCRBY', job, 'loss', 1)
    enter_line(id, endpoint, run[7], run[5], run[6])
  end
  announce(id, event(id, attempt, state_body(to) .. ',"x":' .. LOST))
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
