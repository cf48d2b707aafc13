#!lua flags=allow-oom
-- Takes what workers' journals know of changes, a number of facts: each says that an attempt passed its point of no
-- return and, when it is known, how it ended. What Redis knows as well changes nothing; what it forgot is put right:
-- nothing whose intent is in a journal is ever sent again by itself. May be repeated.
-- @include gate, event, move, hold, lines, place, freezes, limits, rates, close_job, unhold, lose, reconciling
--
-- ARGV  2 facts as a JSON list; each {j job, e endpoint, f fence, w worker, a attempt, s its start, i step intended,
--       l true while it goes on in the worker that tells, d how it ended {v verdict, x error, f effect, i step intended,
--       c step confirmed}, t tokens of the device index, r [[request key, what is kept of it], …], o what it brought
--       {k class, c acceptance, x expiry, p score}}; numbers are written as text
--       3… for each fact the job's definition and its spec
-- Gives how many facts changed something
-- Cost  O(facts · log n)

local who = identity()
if who and call('HGET', key('gate'), 'id') ~= who then begin_reconciling(who) end
-- Fences up to here were given out before what is remembered ends: a job with such a one that is not there was purged.
local remembered = tonumber(call('HGET', key('gate'), 'fence') or 0)
local changed = 0

-- Makes a job that is not there any more known again, as one that waits in no line.
local function recreate(fact, definition, spec)
  local id, queue = fact.j, cjson.decode(definition).queue
  call('HSET', key('job', id), 'st', 'QUEUED', 'ct', fact.o.c, 'sc', fact.o.p, 'ex', fact.o.x, 'n', '1', 'ep', fact.e,
    'cls', fact.o.k, 'def', definition, 'spec', spec)
  call('ZADD', key('ix:state', 'QUEUED'), '0', id)
  for token in string.gmatch(fact.t, '[^\n]+') do call('ZADD', key('ix:device', token), '0', id) end
  if queue then
    call('HSET', key('job', id), 'queue', queue)
    call('SADD', key('queues'), queue)
    call('ZADD', key('queue', queue), now_text, id)
  end
  local requests = {}
  for _, request in ipairs(fact.r) do
    requests[#requests + 1] = request[1]
    call('SET', key('request', request[1]), request[2], 'NX')
  end
  if #requests > 0 then call('HSET', key('job', id), 'request', table.concat(requests, ' ')) end
end

-- What stands in a job's own fields says that its first attempt started, until another is written there.
local function keep_start(id, worker, start)
  local events = key('events', id)
  local oldest = call('LINDEX', events, '0')
  if oldest and tonumber(string.match(oldest, '^{"n":(%d+),')) ~= 3 then return end
  if not oldest and call('HGET', key('job', id), 'n') ~= '2' then return end
  local body = state_body('RUNNING') .. ',"w":' .. cjson.encode(worker)
  call('LPUSH', events, '{"n":2,"t":' .. start .. ',"a":1,' .. body .. '}')
end

-- Writes the attempt into the job, as its claim did: the latest stands in the job's own fields, an earlier one beside
-- them.
local function begin(fact, from)
  local job, name = key('job', fact.j), cjson.encode(fact.w)
  if tonumber(fact.f) > tonumber(call('GET', key('fence')) or 0) then call('SET', key('fence'), fact.f) end
  local before = call('HMGET', job, 'att', 'w', 'f', 's')
  if before[1] then
    if before[1] == '1' then keep_start(fact.j, before[2], before[4]) end
    call('HSETNX', job, 'fs', before[4])
    if tonumber(before[1]) < tonumber(fact.a) then
      call('HSET', job, 'a' .. before[1], '{"w":' .. cjson.encode(before[2]) .. ',"f":"' .. before[3] .. '","s":' .. before[4] .. '}')
    end
  end
  -- Of the same attempt, output that is missing stays marked.
  if before[3] ~= fact.f then call('HDEL', job, 'cut') end
  call('HDEL', job, 'rt', 'parked', 'cs', 'part', 'a' .. fact.a, 'z' .. fact.a)
  call('HSET', job, 'w', fact.w, 'f', fact.f, 's', fact.s, 'att', fact.a, 'it', now_text, 'is', fact.i)
  event(fact.j, fact.a, '"k":"log","lv":"warning","m":' .. cjson.encode('known from the journal of worker ' .. fact.w))
  if from == 'DELAYED' then event(fact.j, fact.a, state_body('QUEUED')) end
  if from ~= 'RUNNING' and from ~= 'CANCELLING' then
    event(fact.j, fact.a, state_body('RUNNING') .. ',"w":' .. name)
  end
end

-- The attempt goes on: the worker gets its device back. Not when another runs there.
local function adopt(fact, from)
  local device = gates(fact.e)
  if device.run and device.run ~= fact.j and device.owner ~= fact.w then return false end
  if device.run and device.run ~= fact.j then
    call('HDEL', key('ep', fact.e), 'run')
    lose(device.run, fact.e)
    device = gates(fact.e)
  end
  if device.owner and device.owner ~= fact.w then let_go(fact.e, device.owner) end
  if not device.owner then unready(fact.e, device) end
  begin(fact, from)
  call('HSET', key('ep', fact.e), 'own', fact.w, 'run', fact.j, 'f', fact.f)
  call('SADD', key('owned', fact.w), fact.e)
  take_permits(fact.j, names_of(definition_of(fact.j)))
  local to = from == 'CANCELLING' and from or 'RUNNING'
  call('HSET', key('job', fact.j), 'st', to)
  move(fact.j, from, to)
  if to == 'CANCELLING' then call('SADD', key('cancels', fact.w), fact.j) end
  announce(fact.j, call('HGET', key('job', fact.j), 'n'))
  place(fact.e)
  return true
end

-- The attempt is over: the job ends as the journal says, or INDETERMINATE when that does not know.
local function finish(fact, from)
  local id, job, done = fact.j, key('job', fact.j), fact.d
  local to = done and done.v or 'INDETERMINATE'
  local failure = done and done.x and cjson.encode(done.x) or to == 'INDETERMINATE' and LOST
  begin(fact, from)
  if done then call('HSET', job, 'is', done.i, 'cs', done.c) end
  if done and done.f then call('HSET', job, 'eff', done.f) end
  if failure then call('HSET', job, 'err', failure) end
  call('HSET', job, 'st', to, 'e', now_text)
  if call('HGET', key('ep', fact.e), 'run') == id then call('HDEL', key('ep', fact.e), 'run') end
  if to == 'INDETERMINATE' then hold(fact.e, id) end
  close_job(id, from, to, call('HMGET', job, unpack(CLOSING)))
  announce(id, event(id, fact.a, state_body(to) .. (failure and ',"x":' .. failure or '')))
  place(fact.e)
end

-- What a journal knows of an outcome that was in doubt.
local function testify(fact)
  local done = fact.d
  local kind = done and (done.v == 'SUCCEEDED' and 'APPLIED' or done.f == 'NONE' and 'NOT_APPLIED')
  if not kind then return false end
  local job = key('job', fact.j)
  local body = '"kind":"' .. kind .. '","resolver":' .. cjson.encode('worker ' .. fact.w)
    .. ',"reason":"its journal knows","timeMs":' .. now_text
  call('HSET', job, 'rsl', '{' .. body .. '}')
  call('ZADD', key('done:bad'), now, fact.j)
  announce(fact.j, event(fact.j, fact.a, '"k":"resolved",' .. body))
  note_event('job.resolved', fact.j)
  unhold(fact.e, fact.j)
  return true
end

local function replay(fact, definition, spec)
  local id, job, fence = fact.j, key('job', fact.j), tonumber(fact.f)
  local known = call('HMGET', job, 'st', 'f', 'cls', 'rsl')
  local from = known[1]
  if not from then
    if fence <= remembered then return false end
    recreate(fact, definition, spec)
    from = 'QUEUED'
  elseif FINAL[from] then
    return from == 'INDETERMINATE' and not known[4] and known[2] == fact.f and testify(fact)
  elseif from == 'RUNNING' or from == 'CANCELLING' then
    local theirs = tonumber(known[2])
    if theirs > fence then return false end
    local device = gates(fact.e)
    if theirs == fence and device.run == id and device.fence == fact.f and (fact.l or not fact.d) then
      if call('HSETNX', job, 'it', now_text) == 0 then return false end
      call('HSET', job, 'is', fact.i)
      return true
    end
    call('SREM', key('cancels', call('HGET', job, 'w')), id)
  else
    withdraw(id, fact.e, line_of(known[3]))
    call('ZREM', key('expire'), id)
  end
  if not (fact.l and adopt(fact, from)) then finish(fact, from) end
  return true
end

for i, fact in ipairs(cjson.decode(ARGV[2])) do
  if replay(fact, ARGV[2 * i + 1], ARGV[2 * i + 2]) then changed = changed + 1 end
end
return changed
