-- What every zone script shares. The loader puts this text before each of them; what only some need stands in files
-- that they include.
--
-- KEYS[1]  root of the zone's keys, "{pm:<zone>}"; every other key is built from it and so lies in the same slot
-- ARGV[1]  the time in milliseconds for a simulation; empty: the server's clock
--
-- A script first checks everything and then writes everything: Redis runs it alone, but takes nothing back. A call costs
-- about two microseconds however little it does, so what one call can carry is carried by one.

local root = KEYS[1]
local call = redis.call
-- For writes to what many jobs share. Scripts that take many jobs gather them: see gather.lua, which puts its own
-- functions here. `settle` carries out what was gathered.
local write, settle = call, function() end

local function key(a, b)
  if b then return root .. ':' .. a .. ':' .. b end
  return root .. ':' .. a
end

-- A whole number as text: a plain tostring would turn milliseconds into 1.7e+12.
local function ms(number)
  return string.format('%d', number)
end

-- Adds a field to what is to be written to a hash.
local function add(fields, name, value)
  local count = #fields
  fields[count + 1], fields[count + 2] = name, value
end

-- `now` is milliseconds; `moment` is microseconds, and no two scripts run in one: it orders what is accepted within a
-- millisecond.
local now, moment
if ARGV[1] ~= '' then
  moment = math.floor(ARGV[1] * 1000 + 0.5)
else
  local time = call('TIME')
  moment = time[1] * 1000000 + time[2]
end
now = math.floor(moment / 1000)
local now_text = ms(now)

local EVENTS_KEPT = 20000
local FEED_KEPT = '200000'
-- How long an owner may leave work lying before the device is handed on.
local HANDOFF_MS = 5000
-- Attempts that may be lost with their workers before the job fails.
local LOSSES_ALLOWED = 10

local FINAL = { SUCCEEDED = true, FAILED = true, CANCELLED = true, EXPIRED = true, INDETERMINATE = true }

-- An event as it is kept. `body` is the inside of a JSON object.
local function event_json(number, attempt, body)
  return '{"n":' .. number .. ',"t":' .. now_text .. ',"a":' .. attempt .. ',' .. body .. '}'
end

-- Appends events to a job's history, in slices, since a call takes a bounded number of arguments. `number` is the last
-- one's. Whoever calls this does so before anything else that could fail.
local function record(id, events, number)
  local list = key('events', id)
  for from = 1, #events, 1000 do
    call('RPUSH', list, unpack(events, from, math.min(from + 999, #events)))
  end
  if number > EVENTS_KEPT then call('LTRIM', list, -EVENTS_KEPT, -1) end
end

local function state_body(state)
  return '"k":"state","s":"' .. state .. '"'
end

-- Tells followers of jobs and the number of each one's last event, in turn: behind a minus when the job only goes on,
-- which spares those who wait for its end a look.
local function tell(news)
  call('XADD', key('feed'), 'MAXLEN', '~', FEED_KEPT, '*', unpack(news))
end

-- Tells followers that a job has news up to `number`.
local function announce(id, number)
  tell({ id, number })
end

-- What a device's hash says of its lines, and how `gates` names it.
local GATES = { own = 'owner', run = 'run', f = 'fence', hold = 'hold', lock = 'lock', locker = 'locker',
  paused = 'paused', closed = 'closed', skill = 'skill' }

-- What decides which of a device's lines are open, and who has it; what it has not is nil. A device has few of these
-- facts: to ask for all that it has costs half of asking for each by name, and so does room for those that most have.
local function gates(endpoint)
  local device = { owner = nil, run = nil, fence = nil }
  local facts = call('HGETALL', key('ep', endpoint))
  for i = 1, #facts, 2 do
    local name = GATES[facts[i]]
    if name then device[name] = facts[i + 1] end
  end
  local closed = device.closed
  if closed then device.closed = closed == 'good' or tonumber(closed) > now end
  return device
end

-- What the zone as a whole takes no change for: names of holds, in order. Of what a missing journal knows, nobody can say
-- which device it is about.
local function closed_by()
  local names = call('SMEMBERS', key('closed'))
  table.sort(names)
  return names
end

-- The line a job of a class waits in: its device's reads, or its changes.
local function line_of(class)
  return class == 'READ_ONLY' and 'reads' or 'changes'
end

-- Where the next job of a line stands: in the line itself; behind a lock, among the jobs of the lock's owner, which
-- pass it; nowhere when the line is closed. A hold closes changes, a pause both.
local function source(endpoint, line, device)
  if device.paused or (line == 'changes' and device.hold) then return nil end
  if device.lock and (device.lock == 'ALL' or line == 'changes') then return key(line .. '-pass', endpoint) end
  return key(line, endpoint)
end

-- The score of the next job a device could start, from its two lines, as text, its id and its line; nil when none can.
local function head(endpoint, device)
  local reads, changes = source(endpoint, 'reads', device), source(endpoint, 'changes', device)
  local read = reads and call('ZRANGE', reads, '0', '0', 'WITHSCORES') or {}
  local change = changes and call('ZRANGE', changes, '0', '0', 'WITHSCORES') or {}
  if read[1] and not (change[1] and tonumber(change[2]) < tonumber(read[2])) then return read[2], read[1], 'reads' end
  if change[1] then return change[2], change[1], 'changes' end
  return nil
end

-- The same without the score, which Redis is slow to write: id and line.
local function first(endpoint, device)
  local reads, changes = source(endpoint, 'reads', device), source(endpoint, 'changes', device)
  local read = reads and call('ZRANGE', reads, '0', '0')[1]
  local change = changes and call('ZRANGE', changes, '0', '0')[1]
  if read and change then
    local _, id, line = head(endpoint, device)
    return id, line
  end
  if read then return read, 'reads' end
  return change, change and 'changes'
end

-- What a job asks of a worker, such as its node or a type of task; nil when any will do. Jobs that ask for something
-- have waited only at devices that have a `skill`: the one whose list of ready devices it stands on, '' for the common one.
local function skill_of(id, device)
  return device.skill and call('HGET', key('job', id), 'skill') or nil
end

-- The list of devices that are ready and have no owner: the common one, or that of a skill.
local function ready_list(skill)
  return skill and skill ~= '' and key('ready', skill) or key('ready')
end

-- Takes a device away from its owner.
local function let_go(endpoint, owner)
  call('HDEL', key('ep', endpoint), 'own')
  call('SREM', key('owned', owner), endpoint)
  call('ZREM', key('warm', owner), endpoint)
  call('ZREM', key('handoff'), endpoint)
end

-- The owner that takes a device's work. One that takes nothing new, or lacks the skill, lets the device go.
local closing = {}
local function taker(endpoint, device, skill)
  local owner = device.owner
  if not owner then return nil end
  if closing[owner] == nil then closing[owner] = call('HGET', key('worker', owner), 'closing') == '1' end
  local able = not skill or call('SISMEMBER', key('skills', owner), skill) == 1
  if able and not closing[owner] then return owner end
  let_go(endpoint, owner)
  call('PUBLISH', key('hint', owner), 'release ' .. endpoint)
  return nil
end

-- Offers devices that can start something, scores and endpoints in turn: to their owner, or to everybody when they have
-- none. Whoever had nothing to do is woken; a device that was on offer before woke somebody then. `how` is LT where a
-- score can only have become lower; `skill` is what the work asks for, if anything.
local function offer(owner, devices, how, skill)
  local list = owner and key('warm', owner) or ready_list(skill)
  local fresh = how and call('ZADD', list, how, unpack(devices)) or call('ZADD', list, unpack(devices))
  if fresh == 0 then return end
  if owner then
    local since = {}
    for i = 2, #devices, 2 do
      since[i - 1], since[i] = now_text, devices[i]
    end
    call('ZADD', key('handoff'), 'NX', unpack(since))
    if call('SREM', key('idle'), owner) == 1 then call('PUBLISH', key('hint', owner), 'work') end
  elseif skill then
    call('SADD', key('wanted'), skill)
    local able = call('SINTER', key('idle'), key('skilled', skill))
    table.sort(able)
    for i = 1, math.min(fresh, #able) do
      call('SREM', key('idle'), able[i])
      call('PUBLISH', key('hint', able[i]), 'work')
    end
  else
    for _, worker in ipairs(call('SPOP', key('idle'), fresh)) do call('PUBLISH', key('hint', worker), 'work') end
  end
end

-- What webhooks want to hear of, asked once a call: see write_hooks.lua.
local wanted
-- Notes an event for webhooks, in the step that makes it true; a server brings it to them. `subject` names it among all of
-- its kind for ever, so that an event that a forgotten history had too is the same event.
local function note_event(kind, subject)
  if not wanted then wanted = call('HGET', key('hooks'), 'kinds') or '' end
  if wanted ~= '' and string.find(wanted, ' ' .. kind .. ' ', 1, true) then
    write('ZADD', key('hook-events'), now_text, kind .. ' ' .. subject)
  end
end

-- Tells webhooks that a device is held, or is no more; work without a device has an endpoint that is nobody's. A job holds
-- a device once, a worker or a restore as often as it comes.
local function note_hold(what, endpoint, name)
  if string.sub(endpoint, 1, 4) == 'job/' then return end
  local often = what == 'released' or name == 'restore' or string.sub(name, 1, 7) == 'worker/'
  note_event('device.' .. what, name .. ' ' .. (often and now_text or '0') .. ' ' .. endpoint)
end
