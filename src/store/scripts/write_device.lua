-- Adds a device to the inventory or replaces it. KEYS[1] is the installation's root.
--
-- ARGV  2 'create' or 'update' · 3 name · 4 endpoint slot, "<zone> <endpoint>" · 5 the slot the caller believes the
--       device to have (update) · 6 credential · 7 the device as the inside of a JSON object
-- Gives {'EXISTS'} · {'MISSING'} · {'MOVED'} (it has another slot by now) · {'TAKEN', device} · {'NO_CREDENTIAL'} ·
--       {'OK', created, updated}
-- Cost  O(log n)

local name, slot, credential = ARGV[3], ARGV[4], ARGV[6]
local device = key('device', name)
local before = call('HMGET', device, 'slot', 'credential', 'created')
if ARGV[2] == 'create' and before[1] then return { 'EXISTS' } end
if ARGV[2] == 'update' and not before[1] then return { 'MISSING' } end
if ARGV[2] == 'update' and before[1] ~= ARGV[5] then return { 'MOVED' } end
local holder = call('HGET', key('slots'), slot)
if holder and holder ~= name then return { 'TAKEN', holder } end
if call('EXISTS', key('credential', credential)) == 0 then return { 'NO_CREDENTIAL' } end

if before[1] then
  call('HDEL', key('slots'), before[1])
  call('SREM', key('users', before[2]), name)
end
call('HSET', key('slots'), slot, name)
call('SADD', key('users', credential), name)
call('ZADD', key('devices'), 0, name)
local created = before[3] or now_text
call('HSET', device, 'slot', slot, 'credential', credential, 'created', created, 'updated', now_text,
  'body', '{' .. ARGV[7] .. '}')
return { 'OK', created, now_text }
