#!lua flags=allow-oom
-- Writes what is known of an INDETERMINATE job's outcome, once, and lifts the hold it laid on its device.
-- @include event, place, unhold
--
-- ARGV  2 job · 3 the resolution, as the inside of a JSON object; its time is added here · 4 not before this time, in
--       milliseconds since the epoch, or ''
-- Gives NONE · NOT_INDETERMINATE · RESOLVED_BEFORE · TOO_EARLY · OK
-- Cost  O(log n)

local id = ARGV[2]
local job = key('job', id)
local facts = call('HMGET', job, 'st', 'ep', 'att', 'rsl')
if not facts[1] then return 'NONE' end
if facts[1] ~= 'INDETERMINATE' then return 'NOT_INDETERMINATE' end
if facts[4] then return 'RESOLVED_BEFORE' end
if ARGV[4] ~= '' and now < tonumber(ARGV[4]) then return 'TOO_EARLY' end

local endpoint = facts[2]
local body = ARGV[3] .. ',"timeMs":' .. now_text
call('HSET', job, 'rsl', '{' .. body .. '}')
call('ZADD', key('done:bad'), now, id)
announce(id, event(id, facts[3], '"k":"resolved",' .. body))
note_event('job.resolved', id)
unhold(endpoint, id)
return 'OK'
