#!lua flags=allow-oom
-- What is due: jobs whose time has come, jobs that waited too long, devices whose owner leaves their work lying, locks
-- that ran out, room under limits, and workers and types of tasks gone an hour ago. A bounded number of each. Also notes how full Redis is.
-- @include gate, event, move, hold, lines, place, freezes, limits, rates, close_job, unlock, start, obstacle
--
-- ARGV  2 how many of each at most
-- Gives {how much was done, milliseconds until something is due or -1}
-- Cost  O(limit · log n)

local limit, worked = tonumber(ARGV[2]), 0
local GRAVE_MS = 3600000
local PUT_OFF_MS = 5000

local function due(name, until_time)
  local found = call('ZRANGE', key(name), '-inf', ms(until_time), 'BYSCORE', 'LIMIT', 0, limit)
  worked = worked + #found
  return found
end

local FAILURE = '{"reason":"QUEUE_TIMEOUT","message":"No worker could take the job in time."}'

local function expire(id)
  local job = key('job', id)
  local facts = call('HMGET', job, 'st', 'ep', 'cls', 'att')
  -- Something without a job, or with half of one, or of a job that does not wait, is only taken away: it must not stand in
  -- others' way.
  call('ZREM', key('expire'), id)
  if (facts[1] ~= 'QUEUED' and facts[1] ~= 'DELAYED') or not (facts[2] and facts[3]) then return end
  -- A change that may have been made in a history that is forgotten has not simply waited too long.
  if facts[3] == 'AT_MOST_ONCE' and may_be_forgotten() then
    local later = ms(now + PUT_OFF_MS)
    call('HSET', job, 'ex', later)
    call('ZADD', key('expire'), later, id)
    return
  end
  withdraw(id, facts[2], line_of(facts[3]))
  call('HSET', job, 'err', FAILURE)
  close_waiting(id, facts[1], 'EXPIRED')
  announce(id, event(id, facts[4], state_body('EXPIRED') .. ',"x":' .. FAILURE))
  place(facts[2])
end

for _, id in ipairs(due('expire', now)) do expire(id) end
for _, id in ipairs(due('delayed', now)) do
  start(id)
  give_up_if_blocked(id)
end

-- While the zone is being reconciled, what a worker owns says what it may have touched.
local handoffs = due('handoff', now - HANDOFF_MS)
local shut = #handoffs > 0 and gate_shut() == 'SHUT'
if shut then
  worked = worked - #handoffs
  handoffs = {}
end
for _, endpoint in ipairs(handoffs) do
  local device = call('HMGET', key('ep', endpoint), 'own', 'run')
  local owner = device[1]
  call('ZREM', key('handoff'), endpoint)
  if owner and not device[2] then
    let_go(endpoint, owner)
    call('PUBLISH', key('hint', owner), 'release ' .. endpoint)
    place(endpoint)
  end
end

for _, endpoint in ipairs(due('locks', now)) do
  unlock(endpoint)
  place(endpoint)
end

-- What came free without anybody noticing, such as a limit that was raised, is handed out here.
local crowds = call('SRANDMEMBER', key('crowds'), limit)
table.sort(crowds)
for _, name in ipairs(crowds) do
  recall(name)
  admit(name)
end

for _, worker in ipairs(due('graves', now - GRAVE_MS)) do
  if call('SCARD', key('owned', worker)) == 0 then
    call('ZREM', key('graves'), worker)
    call('ZREM', key('unseen'), worker)
    call('HINCRBY', key('gate'), 'roster', 1)
    call('SREM', key('workers'), worker)
    call('UNLINK', key('worker', worker))
  end
end

-- A type of task is known for an hour after the last worker that loaded it has gone.
for _, name in ipairs(call('SRANDMEMBER', key('types'), limit)) do
  local kept = key('type', name)
  local gone = call('HGET', kept, 'gone')
  if call('EXISTS', key('skilled', 'task/' .. name)) == 1 then
    if gone then call('HDEL', kept, 'gone') end
  elseif not gone then
    call('HSET', kept, 'gone', now_text)
  elseif tonumber(gone) <= now - GRAVE_MS then
    call('UNLINK', kept)
    call('SREM', key('types'), name)
  end
end

-- How full Redis is, in per cent of what it may use.
local memory = call('INFO', 'memory')
local used, most = string.match(memory, '\nused_memory:(%d+)'), string.match(memory, '\nmaxmemory:(%d+)')
local full = tonumber(most or 0) > 0 and math.floor(100 * used / most) or 0
if tonumber(call('HGET', key('gate'), 'full') or 0) ~= full then call('HSET', key('gate'), 'full', full) end

local next_due = -1
for name, grace in pairs({ delayed = 0, expire = 0, locks = 0, handoff = HANDOFF_MS }) do
  local first = call('ZRANGE', key(name), 0, 0, 'WITHSCORES')[2]
  if first and not (shut and name == 'handoff') then
    local wait = math.max(0, tonumber(first) + grace - now)
    if next_due < 0 or wait < next_due then next_due = wait end
  end
end
return { worked, math.ceil(next_due) }
