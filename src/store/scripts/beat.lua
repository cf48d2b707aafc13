-- Renews a worker's lease and tells it what to stop. A worker that takes nothing new hands on the devices that have
-- work waiting, a bounded number with each beat.
--
-- ARGV  2 worker · 3 running jobs · 4 open sessions · 5 '1' when it takes nothing new · 6 state (alive, draining)
-- Gives {'DEAD'} · {'OK', job to cancel, …}
-- Cost  O(cancels + devices handed on)

local worker = ARGV[2]
local me = key('worker', worker)
local state = redis.call('HGET', me, 'st')
if not state or state == 'dead' then return { 'DEAD' } end
redis.call('HINCRBY', me, 'beat', 1)
redis.call('HSET', me, 'bt', ms(now), 'run', ARGV[3], 'ses', ARGV[4], 'closing', ARGV[5], 'st', ARGV[6])
if ARGV[5] == '1' then
  redis.call('SREM', key('idle'), worker)
  for _, endpoint in ipairs(redis.call('ZRANGE', key('warm', worker), 0, 99)) do place(endpoint) end
end
return { 'OK', unpack(redis.call('SRANDMEMBER', key('cancels', worker), 1000)) }
