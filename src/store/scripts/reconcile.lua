-- Opens the zone's gate when nothing stands in its way any more, a bounded step a call. Redis can come back without its
-- last second, or as a replica that missed it; so the gate is shut from the first moment of another history, and opens
-- when every worker that may have sent something has told what its journal knows.
-- @include gate, reconciling, hold, place
--
-- ARGV  2 '1' when the caller has known this zone before: an empty one has then lost everything
-- Gives {'OPEN'} · {'OPENED'} · {'HIDDEN'} (the server hides its identity: nothing at-most-once runs) · {'SHUT', worker
--       whose journal is missing, …} · {'LOST', worker that was waited for long enough and is to be buried as missing, …}
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
local facts = call('HMGET', gate, 'id', 'mark')
local mark = tonumber(facts[2] or 0)
if facts[1] == who then
  if now - mark >= MARK_MS or now < mark then call('HSET', gate, 'mark', now_text) end
  return { 'OPEN' }
end

local function open()
  call('HSET', gate, 'id', who, 'mark', now_text)
  call('HDEL', gate, 'for', 'since', 'walked-DELAYED', 'walked-QUEUED')
  return { 'OPENED' }
end

if not facts[1] and ARGV[2] ~= '1' then return open() end

begin_reconciling(who)
local since = tonumber(call('HGET', gate, 'since'))
local waited = now - since
local missing, lost = { 'SHUT' }, { 'LOST' }
for _, worker in ipairs(call('SMEMBERS', key('workers'))) do
  local its = call('HMGET', key('worker', worker), 'st', 'dead', 'missing', 'born')
  -- One that registered since then has been given nothing yet.
  local concerned = its[1] and tonumber(its[4]) < since
    and (its[1] ~= 'dead' or its[3] or tonumber(its[2] or 0) >= mark - MARGIN_MS)
  if concerned and call('SISMEMBER', key('replayed'), worker) == 0 then
    if not its[3] and waited >= PATIENCE_MS then call('HSET', key('worker', worker), 'missing', 1) end
    if waited < PATIENCE_MS then
      missing[#missing + 1] = worker
    elseif call('SCARD', key('owned', worker)) > 0 then
      lost[#lost + 1] = worker
    end
  end
end
if #missing > 1 or waited < SHORTEST_MS then return missing end
if #lost > 1 then return lost end

-- Of a restored backup, whatever change was waiting then may have been made since. Delayed jobs come first: none goes back.
if facts[1] and mark > 0 and since - mark > RESTORED_MS then
  for _, state in ipairs({ 'DELAYED', 'QUEUED' }) do
    local walked = 'walked-' .. state
    local behind = call('HGET', gate, walked)
    local ids = call('ZRANGE', key('ix:state', state), behind and '(' .. behind or '-', '+', 'BYLEX', 'LIMIT', 0, STEP)
    for _, id in ipairs(ids) do
      local job = call('HMGET', key('job', id), 'cls', 'ep')
      if job[1] == 'AT_MOST_ONCE' then
        hold_for(job[2], 'restore')
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
