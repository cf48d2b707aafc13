#!lua flags=allow-oom
-- Lifts what one reason holds devices, and the zone, by: the journal of a worker that was missing, or old data that came
-- back.
-- @include gate, place, unhold
--
-- ARGV  2 the reason, "worker/<name>" or "restore" · 3 devices at most · 4 the history that was told that journal, or ''
--       when a person says so
-- Gives {how many it was lifted from, 1 when the zone was closed for it and is no more} · {'ANOTHER'} (this is another
--       history: the journal was not told to it)
-- Cost  O(devices · log n)

if ARGV[4] ~= '' and is_another(ARGV[4]) then return { 'ANOTHER' } end
local reason = ARGV[2]
local endpoints = call('SPOP', key('held', reason), ARGV[3])
for _, endpoint in ipairs(endpoints) do unhold(endpoint, reason) end

-- The zone comes last: until then its devices would be held again.
local opened = 0
if #endpoints < tonumber(ARGV[3]) then
  if reason == 'restore' then call('HDEL', key('gate'), 'restored') end
  opened = call('SREM', key('closed'), reason)
  if call('EXISTS', key('closed')) == 0 then call('HDEL', key('gate'), 'untold') end
  local worker = string.match(reason, '^worker/(.*)$')
  if worker then call('HDEL', key('worker', worker), 'missing') end
  if opened == 1 then
    call('HINCRBY', key('gate'), 'roster', 1)
    call('SADD', key('replayed'), worker)
  end
end
return { #endpoints, opened }
