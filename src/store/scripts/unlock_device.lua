#!lua flags=allow-oom
-- Takes a device's lock away.
-- @include place, unlock
--
-- ARGV  2 endpoint · 3 who asks · 4 '1' to take another's away as well
-- Gives {'NONE'} (it has none) · {'LOCKED', owner} (by another) · {'OK'}
-- Cost  O(log n)

local endpoint = ARGV[2]
local holder = call('HGET', key('ep', endpoint), 'locker')
if not holder then return { 'NONE' } end
if holder ~= ARGV[3] and ARGV[4] ~= '1' then return { 'LOCKED', holder } end
unlock(endpoint)
place(endpoint)
return { 'OK' }
