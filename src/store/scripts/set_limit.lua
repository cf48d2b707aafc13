#!lua flags=allow-oom
-- Sets how many jobs may run at a time under a name, or lifts the limit.
-- @include hold, lines, place, freezes, limits
--
-- ARGV  2 name: queue/<name>, caller/<name> or label/<key> (which holds for each value) · 3 how many, or '' to lift it
-- Gives OK
-- Cost  O(jobs let go on · log n), at most 100; upkeep lets the others go on

if ARGV[3] ~= '' then
  call('HSET', key('limits'), ARGV[2], ARGV[3])
else
  call('HDEL', key('limits'), ARGV[2])
end
if call('SISMEMBER', key('crowds'), ARGV[2]) == 1 then admit(ARGV[2]) end
return 'OK'
