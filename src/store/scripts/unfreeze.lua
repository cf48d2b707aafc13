#!lua flags=allow-oom
-- Takes devices out of those that a policy holds for, and lets go on what waited there for it, a bounded number for each.
-- @include hold, lines, place, freezes, limits
--
-- ARGV  2 policy · 3… endpoints
-- Gives how many jobs were let go on
-- Cost  O(endpoints + jobs · log n)

local policy, count = ARGV[2], 0
for i = 3, #ARGV do
  local endpoint = ARGV[i]
  call('SREM', key('frozen', policy), endpoint)
  for _, id in ipairs(call('SRANDMEMBER', key('later', endpoint), 1000)) do
    local facts = call('HMGET', key('job', id), 'parked', 'cls', 'sc', 'ex')
    if facts[1] == policy and facts[2] and facts[3] and facts[4] then
      call('ZREM', key('parked', policy), id)
      unpark(id, endpoint, line_of(facts[2]), facts[3], facts[4])
      count = count + 1
    end
  end
  place(endpoint)
end
return count
