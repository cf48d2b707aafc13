-- Forgets a credential that no device uses. KEYS[1] is the installation's root.
--
-- ARGV  2 name
-- Gives {'MISSING'} · {'USED', device} · {'OK'}
-- Cost  O(log n)

local name = ARGV[2]
local credential = key('credential', name)
if redis.call('EXISTS', credential) == 0 then return { 'MISSING' } end
local user = redis.call('SRANDMEMBER', key('users', name))
if user then return { 'USED', user } end
redis.call('DEL', credential)
redis.call('ZREM', key('credentials'), name)
return { 'OK' }
