-- Writes output and facts of a running attempt. A part that was written before (its answer was lost) is not written
-- again: parts are numbered within the attempt.
-- @include gate, held
--
-- ARGV  2 worker · 3 endpoint · 4 job · 5 fence · 6 output bytes · 7 step that may have been sent or '' · 8 step whose
--       answer was seen or '' · 9 number of the part, from 1 · 10… facts, each the inside of a JSON object
-- Gives OK · FENCED · SHUT (the zone is being reconciled: it may hold its device again)
-- Cost  O(facts + bytes)

local id = ARGV[4]
if not held(ARGV[2], ARGV[3], id, ARGV[5]) then return refused() end
local job = key('job', id)
local facts = call('HMGET', job, 'part', 'att', 'n')
if tonumber(facts[1] or 0) >= tonumber(ARGV[9]) then return 'OK' end

local number, events = tonumber(facts[3]), {}
for i = 10, #ARGV do
  number = number + 1
  events[#events + 1] = event_json(number, facts[2], ARGV[i])
end
record(id, events, number)

local fields = { 'part', ARGV[9], 'n', number }
if ARGV[6] ~= '' then add(fields, 'ob', ms(call('APPEND', key('output', id), ARGV[6]))) end
if ARGV[7] ~= '' then add(fields, 'is', ARGV[7]) end
if ARGV[8] ~= '' then add(fields, 'cs', ARGV[8]) end
call('HSET', job, unpack(fields))
if #events > 0 then announce(id, number) end
return 'OK'
