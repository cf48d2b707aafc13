-- Writes what is known of an INDETERMINATE job's outcome, once, and lifts the hold it laid on its device.
--
-- ARGV  2 job · 3 the resolution, as the inside of a JSON object; its time is added here
-- Gives NONE · NOT_INDETERMINATE · RESOLVED_BEFORE · OK
-- Cost  O(log n)

local id = ARGV[2]
local job = key('job', id)
local facts = redis.call('HMGET', job, 'st', 'ep', 'att', 'rsl')
if not facts[1] then return 'NONE' end
if facts[1] ~= 'INDETERMINATE' then return 'NOT_INDETERMINATE' end
if facts[4] then return 'RESOLVED_BEFORE' end

local endpoint = facts[2]
local body = ARGV[3] .. ',"timeMs":' .. ms(now)
redis.call('HSET', job, 'rsl', '{' .. body .. '}')
redis.call('ZADD', key('done:bad'), now, id)
announce(id, event(id, facts[3], '"k":"resolved",' .. body))
redis.call('ZREM', key('holds', endpoint), id)
local other = redis.call('ZRANGE', key('holds', endpoint), 0, 0)[1]
if other then
  redis.call('HSET', key('ep', endpoint), 'hold', other)
else
  redis.call('HDEL', key('ep', endpoint), 'hold')
end
place(endpoint)
return 'OK'
