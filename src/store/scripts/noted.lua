#!lua flags=allow-oom
-- A worker has newcomers in its journal: from now on they would be remembered, and may change devices. What it says
-- counts only while it would be remembered itself: so from any worker that Redis knows a chain of journals leads to each
-- that it forgot.
--
-- ARGV  2 worker · 3… newcomers
-- Gives 1
-- Cost  O(newcomers)

if call('SISMEMBER', key('witnesses'), ARGV[2]) == 0 then return 1 end
for i = 3, #ARGV do
  call('HDEL', key('newcomers'), ARGV[i])
  if call('SISMEMBER', key('alive'), ARGV[i]) == 1 then call('SADD', key('witnesses'), ARGV[i]) end
end
return 1
