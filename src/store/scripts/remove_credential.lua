#!lua flags=allow-oom
-- Forgets a credential that no device uses. KEYS[1] is the installation's root.
--
-- ARGV  2 name
-- Gives {'MISSING'} · {'USED', device} · {'OK'}
-- Cost  O(log n)

local name = ARGV[2]
local credential = key('credential', name)
if call('EXISTS', credential) == 0 then return { 'MISSING' } end
local user = call('SRANDMEMBER', key('users', name))
if user then return { 'USED', user } end
call('DEL', credential)
call('ZREM', key('credentials'), name)
return { 'OK' }
