-- What every zone script shares. The loader puts this text before each of them.
--
-- KEYS[1]  root of the zone's keys, "{pm:<zone>}"; every other key is built from it and so lies in the same slot
-- ARGV[1]  the time in milliseconds for a simulation; empty: the server's clock
--
-- A script first checks everything and then writes everything: Redis runs it alone, but takes nothing back.

local root = KEYS[1]

local function key(a, b)
  if b then return root .. ':' .. a .. ':' .. b end
  return root .. ':' .. a
end

-- Milliseconds as text: a plain tostring would turn them into 1.7e+12.
local function ms(number)
  return string.format('%.0f', number)
end

local now
if ARGV[1] ~= '' then
  now = tonumber(ARGV[1])
else
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local EVENTS_KEPT = 20000
local FEED_KEPT = 200000
-- How long an owner may leave work lying before the device is handed on.
local HANDOFF_MS = 5000
-- Attempts that may be lost with their workers before the job fails.
local LOSSES_ALLOWED = 10

local FINAL = { SUCCEEDED = true, FAILED = true, CANCELLED = true, EXPIRED = true, INDETERMINATE = true }

-- Appends a fact to a job's history. `body` is the inside of a JSON object. Returns the event's number.
local function event(id, attempt, body)
  local number = redis.call('HINCRBY', key('job', id), 'n', 1)
  local list = key('events', id)
  redis.call('RPUSH', list, '{"n":' .. number .. ',"t":' .. ms(now) .. ',"a":' .. attempt .. ',' .. body .. '}')
  if number > EVENTS_KEPT then redis.call('LTRIM', list, -EVENTS_KEPT, -1) end
  return number
end

-- Tells followers that a job has news up to `number`.
local function announce(id, number)
  redis.call('XADD', key('feed'), 'MAXLEN', '~', FEED_KEPT, '*', 'j', id, 'n', number)
end

-- Moves a job from one state's index to another's.
local function move(id, from, to)
  redis.call('ZREM', key('ix:state', from), id)
  redis.call('ZADD', key('ix:state', to), 0, id)
end

local function state_body(state)
  return '"k":"state","s":"' .. state .. '"'
end

-- The score of the next job a device could start, from its two lines; nil when nothing can start.
-- A hold closes the line of changes.
local function head(endpoint, held)
  local reads = redis.call('ZRANGE', key('reads', endpoint), 0, 0, 'WITHSCORES')
  local best, id, line = tonumber(reads[2]), reads[1], 'reads'
  if not held then
    local changes = redis.call('ZRANGE', key('changes', endpoint), 0, 0, 'WITHSCORES')
    local score = tonumber(changes[2])
    if score and (not best or score < best or (score == best and changes[1] < id)) then
      best, id, line = score, changes[1], 'changes'
    end
  end
  return best, id, line
end

-- Takes a device away from its owner.
local function let_go(endpoint, owner)
  redis.call('HDEL', key('ep', endpoint), 'own')
  redis.call('SREM', key('owned', owner), endpoint)
  redis.call('ZREM', key('warm', owner), endpoint)
  redis.call('ZREM', key('handoff'), endpoint)
end

-- Wakes a worker that found nothing to do before.
local function wake_idle()
  local worker = redis.call('SPOP', key('idle'))
  if worker then redis.call('PUBLISH', key('hint', worker), 'work') end
end

-- Puts a device where a claim looks for it: its owner's warm devices, or the ready ones when nobody owns it; nowhere
-- when nothing can start. Every script that changes a line, an owner, a run or a hold ends with this.
local function place(endpoint)
  local device = redis.call('HMGET', key('ep', endpoint), 'own', 'run', 'hold')
  local owner, run, held = device[1], device[2], device[3]
  local score
  if not run then score = head(endpoint, held) end
  if owner and score and redis.call('HGET', key('worker', owner), 'closing') == '1' then
    let_go(endpoint, owner)
    redis.call('PUBLISH', key('hint', owner), 'release ' .. endpoint)
    owner = false
  end
  if owner then
    if score then
      redis.call('ZADD', key('warm', owner), score, endpoint)
      redis.call('ZADD', key('handoff'), 'NX', now, endpoint)
      if redis.call('SREM', key('idle'), owner) == 1 then redis.call('PUBLISH', key('hint', owner), 'work') end
    else
      redis.call('ZREM', key('warm', owner), endpoint)
      redis.call('ZREM', key('handoff'), endpoint)
    end
  elseif score then
    redis.call('ZADD', key('ready'), score, endpoint)
    wake_idle()
  else
    redis.call('ZREM', key('ready'), endpoint)
  end
end

-- Closes a device for changes until the job's outcome is resolved.
local function hold(endpoint, id)
  redis.call('ZADD', key('holds', endpoint), now, id)
  redis.call('HSETNX', key('ep', endpoint), 'hold', id)
end

-- The part of ending a job that every end shares. The caller has written the job's own fields.
local function close_job(id, from, to)
  move(id, from, to)
  redis.call('HSET', key('job', id), 'st', to, 'e', ms(now))
  redis.call('UNLINK', key('secret', id))
  redis.call('ZREM', key('expire'), id)
end

-- Puts a job into its line.
local function enter_line(id, endpoint, line, score, expires)
  redis.call('ZADD', key(line, endpoint), score, id)
  redis.call('ZADD', key('expire'), expires, id)
end

-- Whether this worker still holds this device for this job: owner, job and fence must all be the caller's, and the
-- worker not buried. Every write about a running job asks this first.
local function holds(worker, endpoint, id, fence)
  local device = redis.call('HMGET', key('ep', endpoint), 'own', 'run', 'f')
  return device[1] == worker
    and device[2] == id
    and device[3] == fence
    and redis.call('HGET', key('worker', worker), 'st') ~= 'dead'
end
