#!lua flags=allow-oom
-- Takes runs under way that are to be looked at. Others look at them again only after some time.
--
-- ARGV  2 most · 3 that time, in milliseconds
-- Gives {"<run> <name>", …}
-- Cost  O(runs · log n)

local live = key('schedules-live')
local members = call('ZRANGE', live, '-inf', now_text, 'BYSCORE', 'LIMIT', 0, ARGV[2])
local created = {}
for _, member in ipairs(members) do
  call('ZADD', live, ms(now + ARGV[3]), member)
  -- One that is yet to be created has no state.
  if call('EXISTS', key('firing', string.match(member, '^%S+'))) == 0 then created[#created + 1] = member end
end
return created
