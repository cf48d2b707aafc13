#!lua flags=allow-oom
-- Opens the zone's gate when nothing stands in its way any more, a bounded step a call. Redis can come back without its
-- last second, or as a replica that missed it; so the gate is shut from the first moment of another history, and opens
-- when every worker that may have sent something has told what its journal knows. Where one has not after a while, it
-- opens for reads alone: the zone is closed for changes until the journal returns or a person gives it up.
--
-- Redis can also forget that a worker had existed. So each server remembers which it has seen, and a worker changes
-- nothing before one has: what a server asks with is what it remembers. Workers remember each other in their journals:
-- see intent and replayed.
-- @include gate, reconciling, hold, place
--
-- ARGV  2 '1' when the caller has known this zone before: an empty one has then lost everything · 3 the roster it
--       remembers, as it was named to it, or '' · 4… when it was asked for them: workers on that roster
-- Gives {'OPEN' or 'OPENED', roster's name, names of what the zone is closed for, …, and, when it is another roster than
--       the caller's, '' and its workers, …} · {'ROSTER'} (the caller is to name the workers that it remembers) ·
--       {'HIDDEN'} (the server hides its identity: nothing at-most-once runs) · {'SHUT', worker whose journal is missing,
--       …} · {'LOST', worker that was waited for long enough and is to be buried as missing, …}
-- Cost  O(workers)

-- Workers that live say so with their beat; nobody is counted missing before each had the time.
local SHORTEST_MS = 5000
-- How long a missing journal is waited for.
local PATIENCE_MS = 30000
-- The time is noted this often while the gate is open: it tells how old the data is that came back.
local MARK_MS = 1000
-- A worker that had ended this long before what is remembered has nothing to add.
local MARGIN_MS = 60000
-- What came back older than this is taken for a restored backup: a person says when its changes may go on.
local RESTORED_MS = 600000
local STEP = 500

local who, gate = identity(), key('gate')
if not who then return { 'HIDDEN' } end
local facts = call('HMGET', gate, 'id', 'mark', 'roster', 'for')
local mark = tonumber(facts[2] or 0)
local history, seen = string.match(ARGV[3], '^(.*) (%d+)$')

-- What a server remembers of another history goes before all else.
if history and history ~= who and #ARGV == 3 then return { 'ROSTER' } end

local function opened(state)
  local roster = who .. ' ' .. (facts[3] or '0')
  local reply = { state, roster, unpack(closed_by()) }
  if ARGV[3] ~= roster then
    reply[#reply + 1] = ''
    for _, worker in ipairs(call('SMEMBERS', key('workers'))) do reply[#reply + 1] = worker end
    for _, name in ipairs(closed_by()) do reply[#reply + 1] = string.match(name, '^worker/(.*)$') end
  end
  return reply
end

-- Workers that a server has seen and this Redis does not know, nor waits for.
local function unknown()
  local names = {}
  for i = 4, #ARGV do
    if is_unknown(ARGV[i]) then names[#names + 1] = ARGV[i] end
  end
  return names
end

if facts[1] == who then
  if history == who then call('ZREMRANGEBYSCORE', key('unseen'), '-inf', seen) end
  -- A server that stood still while the gate was opened remembers whom nobody else did.
  for _, worker in ipairs(unknown()) do close_for(worker, mark) end
  if now - mark >= MARK_MS or now < mark then call('HSET', gate, 'mark', now_text) end
  return opened('OPEN')
end

local function open()
  call('HSET', gate, 'id', who, 'mark', now_text)
  call('HDEL', gate, 'for', 'since', 'walked-DELAYED', 'walked-QUEUED')
  call('UNLINK', key('unknown'))
  return opened('OPENED')
end

-- A new zone has nothing to wait for; one that somebody knew, and that is being reconciled, has.
if not facts[1] and not facts[4] and ARGV[2] ~= '1' then return open() end

begin_reconciling(who)
for _, worker in ipairs(unknown()) do call('SADD', key('unknown'), worker) end
local since = tonumber(call('HGET', gate, 'since'))
local waited = now - since
local missing, lost = { 'SHUT' }, { 'LOST' }

local function ask(worker)
  if call('SISMEMBER', key('replayed'), worker) == 1 then return end
  if waited < PATIENCE_MS then
    missing[#missing + 1] = worker
    return
  end
  close_for(worker, mark)
  if call('EXISTS', key('worker', worker)) == 1 then call('HSET', key('worker', worker), 'missing', 1) end
  if call('SCARD', key('owned', worker)) > 0 then lost[#lost + 1] = worker end
end

for _, worker in ipairs(call('SMEMBERS', key('workers'))) do
  local its = call('HMGET', key('worker', worker), 'st', 'dead', 'missing', 'born')
  -- One that registered since then has been given nothing yet.
  local concerned = its[1] and tonumber(its[4]) < since
    and (its[1] ~= 'dead' or its[3] or tonumber(its[2] or 0) >= mark - MARGIN_MS)
  if concerned then ask(worker) end
end
for _, worker in ipairs(call('SMEMBERS', key('unknown'))) do ask(worker) end
if #missing > 1 or waited < SHORTEST_MS then return missing end
if #lost > 1 then return lost end

-- Of a restored backup, whatever change was waiting then may have been made since. Delayed jobs come first: none goes back.
local restored = facts[1] and mark > 0 and since - mark > RESTORED_MS
if restored then call('HSET', gate, 'restored', ms(mark)) end
if restored or #closed_by() > 0 then
  for _, state in ipairs({ 'DELAYED', 'QUEUED' }) do
    local walked = 'walked-' .. state
    local behind = call('HGET', gate, walked)
    local ids = call('ZRANGE', key('ix:state', state), behind and '(' .. behind or '-', '+', 'BYLEX', 'LIMIT', 0, STEP)
    for _, id in ipairs(ids) do
      local job = call('HMGET', key('job', id), 'cls', 'ep')
      if job[1] and line_of(job[1]) == 'changes' then
        hold_as_zone(job[2])
        if restored then hold_for(job[2], 'restore') end
        place(job[2])
      end
    end
    if #ids > 0 then
      call('HSET', gate, walked, ids[#ids])
      return missing
    end
  end
end
return open()
