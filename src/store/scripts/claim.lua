#!lua flags=allow-oom
-- Takes up to `limit` jobs for a worker: for each, the head of its warm devices or of the ready ones. A warm session
-- wins, unless a cold device has waited longer by more than the bonus.
-- @include gather, gate, event, move, hold, lines, place, freezes, limits, rates, close_job, obstacle
--
-- ARGV  2 worker · 3 limit · 4 number of the claim, counted by the worker · 5 bonus in microseconds · 6 '1' to leave tasks
--       without a device where they are
-- Gives {'DEAD'} · {'SHUT', as of a beat} (the zone is being reconciled) · {'OK' or, when it may be asked again at once, 'MORE', now,
--       job, …}, a job being {id, fence, secret or '', {field, value, …}} or, when it waited for nothing but its turn and
--       this is its first attempt, {id, fence, secret or '', endpoint, ct, ex, cls, def, spec}: handing a whole hash over
--       would cost as much as all the rest. The same number gets the same jobs again, a smaller one nothing.
-- Cost  O(limit · log n)

local worker, limit, request = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local me = key('worker', worker)
local known = call('HMGET', me, 'st', 'claim', 'claimed', 'closing', 'settled', 'ctl')
if not known[1] or known[1] == 'dead' then return { 'DEAD' } end
-- Where the server hides its identity, only work that may be repeated is accepted, and that may run.
if gate_shut() == 'SHUT' then return { 'SHUT', to_replay(known[5]) } end

-- What a job's hash holds, as the claim left it.
local function answer(ids)
  local reply = { 'OK', now_text }
  for id, fence in string.gmatch(ids, '(%S+) (%S+)') do
    local fields = call('HGETALL', key('job', id))
    -- What was purged meanwhile is nobody's any more.
    if #fields > 0 then reply[#reply + 1] = { id, fence, call('GET', key('secret', id)) or '', fields } end
  end
  return reply
end

-- A claim that was given up and arrives late must not take anything: nobody reads its answer.
local latest = tonumber(known[2] or 0)
if request == latest then return answer(known[3]) end
if request < latest or known[1] == 'draining' or known[6] then return { 'OK', now_text } end
-- It asks, so it has room again.
if known[4] == '1' then call('HSET', me, 'closing', 0) end

-- The devices to look at, best first, and which of the two lists each is on. Scores are asked for only when there are
-- two lists to merge: Redis is slow to write them.
local lists, bonus = { key('warm', worker), key('ready') }, tonumber(ARGV[5])
local own = call('ZRANGE', lists[1], '0', limit - 1)
local cold = call('ZRANGE', lists[2], '0', limit - 1)
local cut_off = #own == limit or #cold == limit
local devices, list_of = #own > 0 and own or cold, nil

-- Devices whose work asks for something that this worker has stand on lists of their own: they are merged into the cold
-- ones.
local skills = call('EXISTS', key('wanted')) == 1 and call('SINTER', key('wanted'), key('skills', worker)) or {}
local skill_list = {}

-- The first of a skill's list. Tasks that are to be left stand among devices whose work asks for the same.
local FREE_TASKS_SKIPPED = 1000
local function best_of(list, skill)
  if ARGV[6] ~= '1' or not string.find(skill, 'task/', 1, true) then
    return call('ZRANGE', list, '0', limit - 1, 'WITHSCORES')
  end
  local some = call('ZRANGE', list, '0', FREE_TASKS_SKIPPED + limit - 1, 'WITHSCORES')
  local devices = {}
  for i = 1, #some, 2 do
    if string.sub(some[i], 1, 4) ~= 'job/' and #devices < 2 * limit then add(devices, some[i], some[i + 1]) end
  end
  return devices, #some
end

local function with_skilled(common)
  local all, merged = {}, {}
  for i = 1, #common, 2 do all[#all + 1] = { common[i], tonumber(common[i + 1]) } end
  for _, skill in ipairs(skills) do
    local list = ready_list(skill)
    local some, there = best_of(list, skill)
    if (there or #some) == 0 then call('SREM', key('wanted'), skill) end
    cut_off = cut_off or #some == 2 * limit
    for i = 1, #some, 2 do
      all[#all + 1] = { some[i], tonumber(some[i + 1]) }
      skill_list[some[i]] = list
    end
  end
  table.sort(all, function(a, b)
    if a[2] == b[2] then return a[1] < b[1] end
    return a[2] < b[2]
  end)
  for i, device in ipairs(all) do merged[2 * i - 1], merged[2 * i] = device[1], device[2] end
  return merged
end

if (#own > 0 and #cold > 0) or #skills > 0 then
  own = call('ZRANGE', lists[1], '0', limit - 1, 'WITHSCORES')
  cold = with_skilled(call('ZRANGE', lists[2], '0', limit - 1, 'WITHSCORES'))
  devices, list_of = {}, {}
  local from_own, from_cold = 1, 1
  while own[from_own] or cold[from_cold] do
    local warm = own[from_own] and (not cold[from_cold] or cold[from_cold + 1] + bonus >= tonumber(own[from_own + 1]))
    local at = #devices + 1
    if warm then
      devices[at], list_of[at], from_own = own[from_own], 1, from_own + 2
    else
      devices[at], list_of[at], from_cold = cold[from_cold], 2, from_cold + 2
    end
  end
end
local the_list = #own > 0 and 1 or 2

-- A call puts a bounded number of jobs aside.
local looks, looked = 100, 0
local limited = call('EXISTS', key('limits'), key('paused')) > 0
local function lacks(skill)
  return skill and call('SISMEMBER', key('skills', worker), skill) == 0
end
local reply, unseen, left, taken = { 'OK', now_text }, {}, { {}, {} }, 0
-- Fences are given out in one step; those that are not used are simply never seen.
local fence = call('INCRBY', key('fence'), limit) - limit

local jobs, endpoints, events = root .. ':job:', root .. ':ep:', root .. ':events:'
local expire, owned = key('expire'), key('owned', worker)
local queued, running = key('ix:state', 'QUEUED'), key('ix:state', 'RUNNING')
local running_body = state_body('RUNNING') .. ',"w":' .. cjson.encode(worker)
local gave_back = false

-- What a claim has to know of a job, by its place in what it reads.
local ATT, N, SA, QUEUE, SEALED, EX, CT, CLS, DEF, SPEC = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10

-- The latest attempt stands in the job's own fields. An earlier one is kept beside them.
local function keep_attempt(job, attempt)
  local old = call('HMGET', job, 'w', 'f', 's', 'fs')
  local start = '{"w":' .. cjson.encode(old[1]) .. ',"f":"' .. old[2] .. '","s":' .. old[3] .. '}'
  call('HSET', job, 'fs', old[4] or old[3], 'a' .. attempt, start)
  call('HDEL', job, 'it', 'rt', 'bk', 'is', 'cs', 'part', 'cut')
end

while taken < limit and looks > 0 do
  looked = looked + 1
  local endpoint = devices[looked]
  if not endpoint then break end
  local seen = left[list_of and list_of[looked] or the_list]
  seen[#seen + 1] = endpoint

  local device = gates(endpoint)
  local id, line
  if not device.run then id, line = first(endpoint, device) end
  local job, facts, names
  -- What a full limit or a policy blocks is put aside, and the one behind it is looked at.
  while id do
    -- What stood before it is put aside now, and it asks for another worker.
    if lacks(skill_of(id, device)) then
      unseen[#unseen + 1] = endpoint
      id = nil
      break
    end
    job = jobs .. id
    facts = call('HMGET', job, 'att', 'n', 'sa', 'queue', 'sealed', 'ex', 'ct', 'cls', 'def', 'spec')
    -- What has no job any more, or half of one, is only taken away: it must not stand in others' way. fsck names it.
    local whole = facts[N] and facts[EX] and facts[CLS] and facts[DEF]
    names = whole and (limited or facts[QUEUE]) and names_of(cjson.decode(facts[DEF]))
    call('ZREM', key(line, endpoint), id)
    if device.lock then call('ZREM', key(line .. '-pass', endpoint), id) end
    local policy, ends
    if whole then policy, ends = frozen(endpoint, line) end
    local full = policy or (names and acquire(id, names))
    if whole and not full then break end
    if full then
      local aside = call('HMGET', job, 'permits', 'sc', 'blk')
      if aside[1] then
        give_back(id, names or names_of(cjson.decode(facts[DEF])))
        gave_back = true
      end
      if aside[3] then
        refuse_to_wait(id, 'QUEUED', facts[ATT], obstacle(device, endpoint, true, true, full, ends))
        -- Work without a device took its place with it.
        if string.sub(endpoint, 1, 4) == 'job/' then skill_list[endpoint] = nil end
      else
        park(id, endpoint, full, aside[2], facts[EX])
      end
    end
    looks = looks - 1
    if looks <= 0 then
      unseen[#unseen + 1] = endpoint
      id = nil
    else
      id, line = first(endpoint, device)
    end
  end

  if id then
    fence = fence + 1
    taken = taken + 1
    local mark, attempt, number = ms(fence), '1', '2'
    -- What was only accepted before: that its first attempt started is not stored, for the job itself says so.
    local untold = not facts[ATT] and facts[N] == '1'
    if not untold then attempt, number = ms((facts[ATT] or 0) + 1), ms(facts[N] + 1) end
    if device.owner == worker then
      call('HSET', endpoints .. endpoint, 'run', id, 'f', mark)
    else
      call('HSET', endpoints .. endpoint, 'own', worker, 'run', id, 'f', mark)
      write('SADD', owned, endpoint)
    end
    if facts[ATT] then keep_attempt(job, facts[ATT]) end
    call('HSET', job, 'st', 'RUNNING', 'w', worker, 'f', mark, 's', now_text, 'n', number, 'att', attempt)
    if not untold then call('RPUSH', events .. id, event_json(number, attempt, running_body)) end
    announce(id, '-' .. number)
    write('ZREM', expire, id)
    write('ZREM', queued, id)
    write('ZADD', running, '0', id)
    local secret = facts[SEALED] and call('GET', key('secret', id)) or ''
    if facts[N] ~= '1' or facts[SA] or names then
      reply[#reply + 1] = { id, mark, secret, call('HGETALL', job) }
    else
      reply[#reply + 1] = { id, mark, secret, endpoint, facts[CT], facts[EX], facts[CLS], facts[DEF], facts[SPEC] }
    end
  end
end

if #left[1] > 0 then
  call('ZREM', lists[1], unpack(left[1]))
  call('ZREM', key('handoff'), unpack(left[1]))
end
if #left[2] > 0 then call('ZREM', lists[2], unpack(left[2])) end
for _, endpoint in ipairs(left[2]) do
  if skill_list[endpoint] then
    call('ZREM', skill_list[endpoint], endpoint)
    call('HSET', key('ep', endpoint), 'skill', '')
  end
end
settle()
for _, endpoint in ipairs(unseen) do place(endpoint) end
-- A permit given back can have let a job go on at a device that was looked at before.
if gave_back then
  for _, some in ipairs(left) do
    for _, endpoint in ipairs(some) do place(endpoint) end
  end
end

local claimed = {}
for i = 3, #reply do claimed[#claimed + 1] = reply[i][1] .. ' ' .. reply[i][2] end
call('HSET', me, 'claim', request, 'claimed', table.concat(claimed, ' '))
if taken < limit then
  if looks <= 0 or cut_off then
    reply[1] = 'MORE'
  else
    -- Registered as idle in the same step in which nothing more was found: no wake-up can fall in between.
    call('SADD', key('idle'), worker)
  end
end
return reply
