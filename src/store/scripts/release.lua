#!lua flags=allow-oom
-- Lets devices go that a worker owns and does not use: their sessions are closed.
-- @include place
--
-- ARGV  2 worker · 3… endpoints, at most 1,000
-- Gives how many were let go
-- Cost  O(endpoints · log n)

local worker, count = ARGV[2], 0
for i = 3, #ARGV do
  local endpoint = ARGV[i]
  local device = call('HMGET', key('ep', endpoint), 'own', 'run')
  if device[1] == worker and not device[2] then
    let_go(endpoint, worker)
    place(endpoint)
    count = count + 1
  end
end
return count
