#!lua flags=allow-oom
-- Takes over what policies say of this zone, as a whole, and tells its workers when changes are stopped.
--
-- ARGV  2 version of the policies · 3 'force' when no later one is known any more · 4… name and text of each that holds for something here, in turn (see freezes.lua)
-- Gives OK · OLD (a later version was taken over before)
-- Cost  O(policies + workers)

local freezes = key('freezes')
local known = tonumber(call('HGET', freezes, '#version') or '0')
if tonumber(ARGV[2]) < known and ARGV[3] ~= 'force' then return 'OLD' end
local stays = {}
for i = 4, #ARGV, 2 do stays[ARGV[i]] = true end
for _, name in ipairs(call('HKEYS', freezes)) do
  if name ~= '#version' and not stays[name] then call('UNLINK', key('frozen', name)) end
end
local stopped = call('HEXISTS', freezes, 'stop/changes') == 1
call('DEL', freezes)
call('HSET', freezes, '#version', ARGV[2], unpack(ARGV, 4))
if stays['stop/changes'] and not stopped then
  for _, worker in ipairs(call('SMEMBERS', key('alive'))) do call('PUBLISH', key('hint', worker), 'stop') end
end
return 'OK'
