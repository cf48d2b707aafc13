-- Adds a schedule, or changes one that still is what its caller saw.
-- @include schedule
--
-- ARGV  2 'create' or 'update' · 3 name · 4 uid (create) · 5 version seen (update) · 6 body, a JSON object
--       7 the run, encoded · 8 what intervals are counted from · 9 next time, '' for none, 'keep' for no change
--       10 when that is fired, or '' · 11 creator, '' for no change · 12 request (create), '' for none · 13 its fingerprint
-- Gives {'OK'} · {'EXISTS'} · {'MISSING'} · {'CHANGED', version} · {'REPLAYED', name} · {'REUSED'}
-- Cost  O(log n)

local name, schedule = ARGV[3], key('schedule', ARGV[3])
local version = call('HGET', schedule, 'version')
if ARGV[2] == 'create' then
  local request = ARGV[12] ~= '' and key('schedule-request', ARGV[12])
  local earlier = request and call('HMGET', request, 'name', 'fingerprint')
  if earlier and earlier[1] then
    if earlier[2] ~= ARGV[13] then return { 'REUSED' } end
    return { 'REPLAYED', earlier[1] }
  end
  if version then return { 'EXISTS' } end
  if request then call('HSET', request, 'name', name, 'fingerprint', ARGV[13]) end
  call('HSET', schedule, 'uid', ARGV[4], 'created', now_text, 'request', ARGV[12])
  call('ZADD', key('schedules'), 0, name)
elseif not version then
  return { 'MISSING' }
elseif version ~= ARGV[5] then
  return { 'CHANGED', version }
end
call('HINCRBY', schedule, 'version', 1)
call('HSET', schedule, 'updated', now_text, 'body', ARGV[6], 'run', ARGV[7])
if ARGV[11] ~= '' then call('HSET', schedule, 'creator', ARGV[11]) end
if ARGV[9] ~= 'keep' then
  call('HSET', schedule, 'anchor', ARGV[8])
  set_next(name, ARGV[9], ARGV[10])
end
return { 'OK' }
