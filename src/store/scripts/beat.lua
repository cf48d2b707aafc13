-- Renews a worker's lease and tells it what to stop. A worker that takes nothing new hands on the devices that have
-- work waiting, a bounded number with each beat.
-- @include gate, place
--
-- ARGV  2 worker · 3 running jobs · 4 open sessions · 5 '1' when it takes nothing new · 6 state (alive, draining)
--       7 jobs that ended well · 8 jobs that ended otherwise, since it started
-- Gives {'DEAD'} · {'OK', '' or, when it is to replay its journal, the time of what is remembered, job to cancel, …}
-- Cost  O(cancels + devices handed on)

local worker = ARGV[2]
local me = key('worker', worker)
local mine = call('HMGET', me, 'st', 'settled')
local state = mine[1]
if not state or state == 'dead' then return { 'DEAD' } end
call('HINCRBY', me, 'beat', 1)
call('HSET', me, 'bt', now_text, 'run', ARGV[3], 'ses', ARGV[4], 'closing', ARGV[5], 'st', ARGV[6],
  'good', ARGV[7], 'bad', ARGV[8])
if ARGV[5] == '1' then
  call('SREM', key('idle'), worker)
  for _, endpoint in ipairs(call('ZRANGE', key('warm', worker), 0, 99)) do place(endpoint) end
end
return { 'OK', to_replay(mine[2]), unpack(call('SRANDMEMBER', key('cancels', worker), 1000)) }
