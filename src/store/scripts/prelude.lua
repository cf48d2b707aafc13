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

-- What decides which of a device's lines are open.
local function gates(endpoint)
  local facts = redis.call('HMGET', key('ep', endpoint), 'own', 'run', 'hold', 'lock', 'paused')
  return { owner = facts[1], run = facts[2], hold = facts[3], lock = facts[4], paused = facts[5] }
end

-- Where the next job of a line stands: in the line itself; behind a lock, among the jobs of the lock's owner, which
-- pass it; nowhere when the line is closed. A hold closes changes, a pause both.
local function source(endpoint, line, device)
  if device.paused or (line == 'changes' and device.hold) then return nil end
  if device.lock and (device.lock == 'ALL' or line == 'changes') then return key(line .. '-pass', endpoint) end
  return key(line, endpoint)
end

-- The score of the next job a device could start, from its two lines, its id and its line; nil when none can.
local function head(endpoint, device)
  local best, id, line
  for _, name in ipairs({ 'reads', 'changes' }) do
    local from = source(endpoint, name, device)
    local first = from and redis.call('ZRANGE', from, 0, 0, 'WITHSCORES')
    local score = first and tonumber(first[2])
    if score and (not best or score < best) then best, id, line = score, first[1], name end
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
-- when nothing can start. Every script that changes a line, an owner, a run or a gate ends with this.
local function place(endpoint)
  local device = gates(endpoint)
  local owner = device.owner
  local score
  if not device.run then score = head(endpoint, device) end
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

-- Puts a job into its line. The jobs of a lock's owner also go where they pass the lock.
local function enter_line(id, endpoint, line, score, expires)
  redis.call('ZADD', key(line, endpoint), score, id)
  redis.call('ZADD', key('expire'), expires, id)
  local owner = redis.call('HGET', key('ep', endpoint), 'locker')
  if owner and owner == redis.call('HGET', key('job', id), 'by') then
    redis.call('ZADD', key(line .. '-pass', endpoint), score, id)
  end
end

-- Takes a job out of its line.
local function leave_line(id, endpoint, line)
  redis.call('ZREM', key(line, endpoint), id)
  redis.call('ZREM', key(line .. '-pass', endpoint), id)
end

-- Limits. A job carries the names it may be limited by: its queue, its caller, its labels. Who runs under a name is a
-- set of job ids, never a counter, so that no permit can leak. What a full limit blocks is parked under it, out of its
-- line, so that no claim ever looks at it; a permit that comes free goes to the parked job that stands first, which
-- returns to its line with the permit in its hand.

-- How many may run under a name: nil for no limit, 0 while its queue is paused.
local function ceiling(name)
  if redis.call('HEXISTS', key('paused'), name) == 1 then return 0 end
  local most = redis.call('HGET', key('limits'), string.match(name, '^(label/[^=]+)=') or name)
  return most and tonumber(most)
end

-- Takes every permit a job needs, or none: gives the name that is full.
local function acquire(id, names)
  local taken = {}
  for name in string.gmatch(names, '[^\n]+') do
    local most = ceiling(name)
    local holders = key('permits', name)
    if most and (most == 0 or (redis.call('SCARD', holders) >= most and redis.call('SISMEMBER', holders, id) == 0)) then
      return name
    end
    -- Who runs in a named queue is kept whether or not it has a limit.
    if most or string.sub(name, 1, 6) == 'queue/' then taken[#taken + 1] = holders end
  end
  for _, holders in ipairs(taken) do redis.call('SADD', holders, id) end
  if #taken > 0 then redis.call('HSET', key('job', id), 'permits', 1) end
  return nil
end

-- Lets parked jobs go on under a name, while it has room.
local function admit(name)
  local parked, holders = key('parked', name), key('permits', name)
  for _ = 1, 100 do
    local most = ceiling(name)
    if most and redis.call('SCARD', holders) >= most then return end
    local first = redis.call('ZPOPMIN', parked)
    local id = first[1]
    if not id then
      redis.call('SREM', key('crowds'), name)
      return
    end
    local job = key('job', id)
    local facts = redis.call('HMGET', job, 'ep', 'line', 'sc', 'ex')
    redis.call('HDEL', job, 'parked')
    redis.call('SREM', key('later', facts[1]), id)
    if most then
      redis.call('SADD', holders, id)
      redis.call('HSET', job, 'permits', 1)
    end
    enter_line(id, facts[1], facts[2], facts[3], facts[4])
    place(facts[1])
  end
end

-- Gives a job's permits back, and lets others go on.
local function give_back(id, names)
  redis.call('HDEL', key('job', id), 'permits')
  for name in string.gmatch(names, '[^\n]+') do
    if redis.call('SREM', key('permits', name), id) == 1 and redis.call('SISMEMBER', key('crowds'), name) == 1 then
      admit(name)
    end
  end
end

-- Puts a job aside under a full limit. It keeps its queue timeout and its place.
local function park(id, endpoint, name, score, expires)
  redis.call('ZADD', key('parked', name), score, id)
  redis.call('SADD', key('later', endpoint), id)
  redis.call('ZADD', key('expire'), expires, id)
  redis.call('SADD', key('crowds'), name)
  redis.call('HSET', key('job', id), 'parked', name)
end

-- Takes a job that waits from wherever it waits: its line, the delayed ones, a limit it is parked under.
local function withdraw(id, endpoint, line)
  leave_line(id, endpoint, line)
  redis.call('ZREM', key('delayed'), id)
  redis.call('SREM', key('later', endpoint), id)
  local name = redis.call('HGET', key('job', id), 'parked')
  if name then redis.call('ZREM', key('parked', name), id) end
end

-- What a job gives up when it stops running or waiting for good, or for a while.
local function yield_permits(id)
  local facts = redis.call('HMGET', key('job', id), 'permits', 'names')
  if facts[1] then give_back(id, facts[2]) end
end

-- How long the output of a job that does not keep it stays for those who are still watching.
local LINGER_S = 60

-- The part of ending a job that every end shares. The caller has written the job's own fields.
local function close_job(id, from, to)
  local job = key('job', id)
  local facts = redis.call('HMGET', job, 'dedupe', 'queue', 'ob', 'retain', 'permits', 'names')
  move(id, from, to)
  redis.call('HSET', job, 'st', to, 'e', ms(now))
  redis.call('HDEL', job, 'parked')
  redis.call('UNLINK', key('secret', id))
  redis.call('ZREM', key('expire'), id)
  -- What nobody has resolved yet is neither purged nor trimmed.
  if to ~= 'INDETERMINATE' then redis.call('ZADD', key(to == 'SUCCEEDED' and 'done:good' or 'done:bad'), now, id) end
  if facts[1] and redis.call('GET', key('dedupe', facts[1])) == id then redis.call('DEL', key('dedupe', facts[1])) end
  if facts[2] then redis.call('ZREM', key('queue', facts[2]), id) end
  if facts[3] then
    if facts[4] then
      redis.call('EXPIRE', key('output', id), LINGER_S)
      redis.call('HSET', job, 'gone', 1)
    else
      redis.call('ZADD', key('outputs'), now, id)
      redis.call('INCRBY', key('outbytes'), facts[3])
    end
  end
  if facts[5] then give_back(id, facts[6]) end
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
