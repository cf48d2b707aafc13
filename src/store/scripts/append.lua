#!lua flags=allow-oom
-- Writes output and facts of a running attempt. A part that was written before (its answer was lost) is not written
-- again: parts are numbered within the attempt. One that is not the next says that a Redis with another history forgot
-- some before it. Then, or when memory runs short, output is cut from here on, and facts alone are kept.
-- @include gate, memory, output, held
--
-- ARGV  2 worker · 3 endpoint · 4 job · 5 fence · 6 output bytes · 7 step that may have been sent or '' · 8 step whose
--       answer was seen or '' · 9 number of the part, from 1 · 10… facts, each the inside of a JSON object
-- Gives OK · CUT (nothing more of this attempt's output is kept) · FENCED · SHUT (the zone is being reconciled: it may hold its device again)
-- Cost  O(facts + bytes)

local id = ARGV[4]
if not held(ARGV[2], ARGV[3], id, ARGV[5]) then return refused() end
local job = key('job', id)
local facts = call('HMGET', job, 'part', 'att', 'n', 'cut')
local part, written = tonumber(ARGV[9]), tonumber(facts[1] or 0)
local cut = facts[4] or (part > written + 1 and 'forgotten') or (ARGV[6] ~= '' and is_short(MEMORY_FOR_OUTPUT) and 'memory')
if written >= part then return cut and 'CUT' or 'OK' end

local number, events = tonumber(facts[3]), {}
if cut and not facts[4] then
  number = number + 1
  events[1] = event_json(number, facts[2], CUT[cut])
end
for i = 10, #ARGV do
  if not cut or not is_output(ARGV[i]) then
    number = number + 1
    events[#events + 1] = event_json(number, facts[2], ARGV[i])
  end
end
record(id, events, number)

local fields = { 'part', ARGV[9], 'n', number }
if cut then
  add(fields, 'cut', cut)
elseif ARGV[6] ~= '' then
  add(fields, 'ob', ms(call('APPEND', key('output', id), ARGV[6])))
end
if ARGV[7] ~= '' then add(fields, 'is', ARGV[7]) end
if ARGV[8] ~= '' then add(fields, 'cs', ARGV[8]) end
call('HSET', job, unpack(fields))
if #events > 0 then announce(id, '-' .. number) end
return cut and 'CUT' or 'OK'
