#!lua flags=allow-oom
-- Closes breakers, by a person's word, and those that jobs of the device wait for; what waits for the device goes on.
-- @include gather, event, move, hold, lines, place, freezes, limits, start, breaker
--
-- ARGV  2 endpoint · 3… names of breakers
-- Gives {how many were closed, how many jobs were put into their lines}
-- Cost  O(names + jobs · log n)

local closed = 0
for i = 3, #ARGV do closed = closed + call('DEL', breaker_key(ARGV[i])) end
-- A job may log in with a credential that is none of the device's.
for _, id in ipairs(call('SRANDMEMBER', key('later', ARGV[2]), 1000)) do
  local name = call('HGET', key('job', id), 'bk')
  if name then closed = closed + call('DEL', breaker_key(name)) end
end
return { closed, release_put_off(ARGV[2]) }
