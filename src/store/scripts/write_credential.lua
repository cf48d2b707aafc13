-- Stores a credential or replaces it. KEYS[1] is the installation's root.
--
-- ARGV  2 'create' or 'update' · 3 name · 4… fields, name and value in turn
-- Gives {'EXISTS'} · {'MISSING'} · {'OK', version, created, updated}
-- Cost  O(log n)

local name = ARGV[3]
local credential = key('credential', name)
local created = call('HGET', credential, 'created')
if ARGV[2] == 'create' and created then return { 'EXISTS' } end
if ARGV[2] == 'update' and not created then return { 'MISSING' } end
local version = call('HINCRBY', credential, 'version', 1)
created = created or now_text
call('HSET', credential, 'created', created, 'updated', now_text, unpack(ARGV, 4))
call('ZADD', key('credentials'), 0, name)
return { 'OK', version, created, now_text }
