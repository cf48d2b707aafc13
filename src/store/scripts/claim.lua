-- Takes up to `limit` jobs for a worker: for each, the head of its warm devices or of the ready ones. A warm session
-- wins, unless a cold device has waited longer by more than the bonus.
-- @include gather, lines, place, limits
--
-- ARGV  2 worker · 3 limit · 4 number of the claim, counted by the worker · 5 bonus in microseconds
-- Gives {'DEAD'} · {'OK' or, when it may be asked again at once, 'MORE', {id, fence, secret or '', {field, value, …}}, …}. The same number gets the same
--       jobs again, a smaller one nothing.
-- Cost  O(limit · log n)

local worker, limit, request = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local me = key('worker', worker)
local known = call('HMGET', me, 'st', 'claim', 'claimed', 'closing')
if not known[1] or known[1] == 'dead' then return { 'DEAD' } end

-- What a job's hash holds, as the claim left it.
local function answer(ids)
  local reply = { 'OK' }
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
if request < latest or known[1] == 'draining' then return { 'OK' } end
-- It asks, so it has room again.
if known[4] == '1' then call('HSET', me, 'closing', 0) end

-- The devices to look at, best first: the two lists merged. A call puts a bounded number of jobs aside.
local ready, warm, bonus = key('ready'), key('warm', worker), tonumber(ARGV[5])
local looks, name = 100, cjson.encode(worker)
local own = call('ZRANGE', warm, '0', limit - 1, 'WITHSCORES')
local cold = call('ZRANGE', ready, '0', limit - 1, 'WITHSCORES')
local limited = call('EXISTS', key('limits'), key('paused')) > 0
local from_own, from_cold = 1, 1
local reply, unseen, left, taken = { 'OK' }, {}, { {}, {} }, 0
-- Fences are given out in one step; those that are not used are simply never seen.
local fence = call('INCRBY', key('fence'), limit) - limit

local expire, owned = key('expire'), key('owned', worker)
local queued, running = key('ix:state', 'QUEUED'), key('ix:state', 'RUNNING')
local gave_back = false

-- The latest attempt stands in the job's own fields. An earlier one is kept beside them.
local function keep_attempt(job, hash)
  local start = '{"w":' .. cjson.encode(hash.w) .. ',"f":"' .. hash.f .. '","s":' .. hash.s .. '}'
  call('HSET', job, 'fs', hash.fs or hash.s, 'a' .. hash.att, start)
  call('HDEL', job, 'it', 'rt', 'is', 'cs', 'part')
end

while taken < limit and looks > 0 do
  local endpoint
  if own[from_own] and (not cold[from_cold] or cold[from_cold + 1] + bonus >= tonumber(own[from_own + 1])) then
    endpoint = own[from_own]
    from_own = from_own + 2
    left[1][#left[1] + 1] = endpoint
  elseif cold[from_cold] then
    endpoint = cold[from_cold]
    from_cold = from_cold + 2
    left[2][#left[2] + 1] = endpoint
  else
    break
  end

  local device = gates(endpoint)
  local score, id, line
  if not device.run then score, id, line = head(endpoint, device) end
  local job, fields, hash
  -- What a full limit blocks is put aside, and the one behind it is looked at.
  while id do
    job, hash = key('job', id), {}
    fields = call('HGETALL', job)
    for i = 1, #fields, 2 do hash[fields[i]] = fields[i + 1] end
    call('ZREM', key(line, endpoint), id)
    if device.lock then call('ZREM', key(line .. '-pass', endpoint), id) end
    local full = (limited or hash.queue) and acquire(id, names_of(cjson.decode(hash.def)))
    if not full then break end
    if hash.permits then
      give_back(id, names_of(cjson.decode(hash.def)))
      gave_back = true
    end
    park(id, endpoint, full, hash.sc, hash.ex)
    looks = looks - 1
    if looks <= 0 then
      unseen[#unseen + 1] = endpoint
      id = nil
    else
      score, id, line = head(endpoint, device)
    end
  end

  if id then
    fence = fence + 1
    taken = taken + 1
    local mark, attempt, number = ms(fence), ms((hash.att or 0) + 1), ms(hash.n + 1)
    call('HSET', key('ep', endpoint), 'own', worker, 'run', id, 'f', mark)
    local started = { 'st', 'RUNNING', 'w', worker, 'f', mark, 's', now_text, 'n', number, 'att', attempt }
    if hash.att then keep_attempt(job, hash) end
    call('HSET', job, unpack(started))
    call('RPUSH', key('events', id), event_json(number, attempt, state_body('RUNNING') .. ',"w":' .. name))
    announce(id, number)
    write('ZREM', expire, id)
    write('ZREM', queued, id)
    write('ZADD', running, '0', id)
    write('SADD', owned, endpoint)
    if hash.att or hash.permits == nil and (limited or hash.queue) then
      fields = call('HGETALL', job)
    else
      -- What was written stands behind what was read, and takes its place.
      local at = #fields
      for i = 1, #started do fields[at + i] = started[i] end
    end
    reply[#reply + 1] = { id, mark, hash.sealed and call('GET', key('secret', id)) or '', fields }
  end
end

if #left[1] > 0 then
  call('ZREM', warm, unpack(left[1]))
  call('ZREM', key('handoff'), unpack(left[1]))
end
if #left[2] > 0 then call('ZREM', ready, unpack(left[2])) end
settle()
for _, endpoint in ipairs(unseen) do place(endpoint) end
-- A permit given back can have let a job go on at a device that was looked at before.
if gave_back then
  for _, some in ipairs(left) do
    for _, endpoint in ipairs(some) do place(endpoint) end
  end
end

local claimed = {}
for i = 2, #reply do claimed[#claimed + 1] = reply[i][1] .. ' ' .. reply[i][2] end
call('HSET', me, 'claim', request, 'claimed', table.concat(claimed, ' '))
if taken < limit then
  if looks <= 0 or #own == 2 * limit or #cold == 2 * limit then
    reply[1] = 'MORE'
  else
    -- Registered as idle in the same step in which nothing more was found: no wake-up can fall in between.
    call('SADD', key('idle'), worker)
  end
end
return reply
