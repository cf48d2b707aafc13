-- Fires a schedule because somebody asked for it.
-- @include schedule
--
-- ARGV  2 name · 3 uid · 4 cause (TRIGGER or BACKFILL) · 5 caller, as a JSON string · 6 request, or ''
--       7 how long it is known, in milliseconds · 8… time and run in turn
-- Gives {'MISSING'} · {'REPLAYED', run} · {'OK', runs that were not under way before…}
-- Cost  O(times · log n)

local name, schedule = ARGV[2], key('schedule', ARGV[2])
if call('HGET', schedule, 'uid') ~= ARGV[3] then return { 'MISSING' } end
local request = ARGV[6] ~= '' and key('schedule-request', ARGV[6])
local earlier = request and call('HGET', request, 'name')
if earlier then return { 'REPLAYED', earlier } end
if request then
  call('HSET', request, 'name', ARGV[9])
  call('PEXPIRE', request, ARGV[7])
end
local added = { 'OK' }
for i = 8, #ARGV, 2 do
  if call('HEXISTS', key('schedule-live', name), ARGV[i + 1]) == 0 then
    fire(name, ARGV[i], ARGV[i + 1], ARGV[4], ARGV[5], '')
    added[#added + 1] = ARGV[i + 1]
  end
end
return added
