-- Makes a worker known in a zone, its lease beginning now.
--
-- ARGV  2 worker · 3… fields of its hash, name and value in turn
-- Gives OK · DEAD (the name was buried; a process registers under a new one)
-- Cost  O(1)

local worker = ARGV[2]
local me = key('worker', worker)
if redis.call('HGET', me, 'st') == 'dead' then return 'DEAD' end
redis.call('HSET', me, 'st', 'alive', 'beat', 1, 'bt', ms(now), 'born', ms(now), unpack(ARGV, 3))
redis.call('SADD', key('workers'), worker)
redis.call('SADD', key('alive'), worker)
return 'OK'
