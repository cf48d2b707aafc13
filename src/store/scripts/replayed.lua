#!lua flags=allow-oom
-- Notes whose journals are told: the zone's gate waits for them.
-- @include gate, reconciling
--
-- ARGV  2 worker that tells · 3… workers whose journals it has read, itself among them
-- Gives 1
-- Cost  O(workers)

local who = identity()
if who and call('HGET', key('gate'), 'id') ~= who then begin_reconciling(who) end
call('SADD', key('replayed'), unpack(ARGV, 3))
if who and call('EXISTS', key('worker', ARGV[2])) == 1 then
  call('HSET', key('worker', ARGV[2]), 'settled', who)
  call('HDEL', key('worker', ARGV[2]), 'missing')
end
return 1
