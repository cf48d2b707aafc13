-- Writes output and facts of a running attempt. A part that was written before (its answer was lost) is not written
-- again: parts are numbered within the attempt.
-- @include append_facts
--
-- ARGV  2 worker · 3 endpoint · 4 job · 5 fence · 6 output bytes · 7 step that may have been sent or '' · 8 step whose
--       answer was seen or '' · 9 number of the part, from 1 · 10… facts, each the inside of a JSON object
-- Gives OK · FENCED
-- Cost  O(facts + bytes)

local id = ARGV[4]
if not holds(ARGV[2], ARGV[3], id, ARGV[5]) then return 'FENCED' end
if tonumber(redis.call('HGET', key('job', id), 'part') or 0) >= tonumber(ARGV[9]) then return 'OK' end
redis.call('HSET', key('job', id), 'part', ARGV[9])
local number = append_facts(id, ARGV[6], ARGV[7], ARGV[8], 10)
if number then announce(id, number) end
return 'OK'
