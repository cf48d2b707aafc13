#!lua flags=allow-oom
-- Lets jobs go on that waited for a policy which does not close any more, a bounded number a call.
-- @include hold, lines, place, freezes, limits
--
-- Gives how many were let go on
-- Cost  O(jobs · log n), at most 100 for each policy

local count = 0
for _, name in ipairs(call('SMEMBERS', key('crowds'))) do
  if is_policy(name) then count = count + admit(name) end
end
return count
