#!lua flags=allow-oom
-- Gives ids of jobs in some states, newest first. In one step, since a job that moves from one state's index to another's
-- between two reads would be in neither.
--
-- ARGV  2 ids come before this one · 3 and from this one on · 4 how many at most · 5… states
-- Gives {id, …}
-- Cost  O(states · limit · log n)

local ids, limit = {}, tonumber(ARGV[4])
for i = 5, #ARGV do
  local some = call('ZRANGE', key('ix:state', ARGV[i]), '(' .. ARGV[2], '[' .. ARGV[3], 'BYLEX', 'REV', 'LIMIT', '0', ARGV[4])
  if #ids == 0 then
    ids = some
  else
    for _, id in ipairs(some) do ids[#ids + 1] = id end
  end
end
if #ids <= limit and #ARGV == 5 then return ids end
table.sort(ids, function(a, b) return a > b end)
for i = #ids, limit + 1, -1 do ids[i] = nil end
return ids
