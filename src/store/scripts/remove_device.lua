#!lua flags=allow-oom
-- Removes a device from the inventory. KEYS[1] is the installation's root.
--
-- ARGV  2 name · 3 the first of its slots, as the caller closed it
-- Gives MISSING · MOVED · OK
-- Cost  O(log n)

local name = ARGV[2]
local device = key('device', name)
local before = call('HMGET', device, 'slots', 'credential')
if not before[1] then return 'MISSING' end
if string.match(before[1], '[^\n]+') ~= ARGV[3] then return 'MOVED' end
for slot in string.gmatch(before[1], '[^\n]+') do call('HDEL', key('slots'), slot) end
for credential in string.gmatch(before[2], '[^\n]+') do call('SREM', key('users', credential), name) end
call('ZREM', key('devices'), name)
call('DEL', device)
return 'OK'
