-- Adds a device to the inventory or replaces it. KEYS[1] is the installation's root.
--
-- ARGV  2 'create' or 'update' · 3 name · 4 the slots it takes, "<zone> <endpoint>" each, joined by newlines: the one its
--       exclusivity is keyed by first, then that of its address · 5 the first slot the caller believes it to have (update)
--       6 the credentials it uses, joined by newlines · 7 the device as the inside of a JSON object
-- Gives {'EXISTS'} · {'MISSING'} · {'MOVED'} (it has another slot by now) · {'TAKEN', device} · {'NO_CREDENTIAL', name} ·
--       {'OK', created, updated}
-- Cost  O(log n)

local name, credentials = ARGV[3], ARGV[6]
local device, slots = key('device', name), key('slots')
local before = call('HMGET', device, 'slots', 'credential', 'created')

-- Each slot in a list of them.
local function each(list)
  return string.gmatch(list, '[^\n]+')
end

if ARGV[2] == 'create' and before[1] then return { 'EXISTS' } end
if ARGV[2] == 'update' and not before[1] then return { 'MISSING' } end
if ARGV[2] == 'update' and each(before[1])() ~= ARGV[5] then return { 'MOVED' } end
for slot in each(ARGV[4]) do
  local holder = call('HGET', slots, slot)
  if holder and holder ~= name then return { 'TAKEN', holder } end
end
for credential in each(credentials) do
  if call('EXISTS', key('credential', credential)) == 0 then return { 'NO_CREDENTIAL', credential } end
end

if before[1] then
  for slot in each(before[1]) do call('HDEL', slots, slot) end
  for credential in each(before[2]) do call('SREM', key('users', credential), name) end
end
for slot in each(ARGV[4]) do call('HSET', slots, slot, name) end
for credential in each(credentials) do call('SADD', key('users', credential), name) end
call('ZADD', key('devices'), 0, name)
local created = before[3] or now_text
call('HSET', device, 'slots', ARGV[4], 'credential', credentials, 'created', created, 'updated', now_text,
  'body', '{' .. ARGV[7] .. '}')
return { 'OK', created, now_text }
