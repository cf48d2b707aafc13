#!lua flags=allow-oom
-- Renews a worker's lease and tells it what to do. A worker that takes nothing new hands on the devices that have work
-- waiting, a bounded number with each beat.
-- @include gate, place
--
-- ARGV  2 worker · 3 running jobs · 4 open sessions · 5 '1' when it takes nothing new · 6 state (alive, draining)
--       7 jobs that ended well · 8 jobs that ended otherwise, since it started · 9… other fields of its hash that it
--       tells of itself, name and value in turn
-- Gives {'DEAD'} · {'OK', and what it is told, word and value in turn}: replay, and the time of what is remembered, a space,
--       and the history that asks: it is to tell that one what its journals know since then; note, and a worker that it
--       is to write down, a space, and the number of its registration; control, and the order that stands, as a JSON
--       object; cancel, and a job; close, and the number of a session, a space, and the job that is cut for it, if one
--       is; of a job that has no session yet also a space and its fence, under a number below zero
-- Cost  O(cancels + newcomers + sessions to close + devices handed on)

local worker = ARGV[2]
local me = key('worker', worker)
local mine = call('HMGET', me, 'st', 'settled', 'ctl', 'beat')
local state = mine[1]
if not state or state == 'dead' then return { 'DEAD' } end
local closing = mine[3] and '1' or ARGV[5]
-- No count: a Redis that lost data would give a beat that a reaper has seen to another one again.
call('HSET', me, 'beat', ms(math.max(now, tonumber(mine[4]) + 1)), 'bt', now_text, 'run', ARGV[3], 'ses', ARGV[4], 'closing', closing, 'st', ARGV[6],
  'good', ARGV[7], 'bad', ARGV[8], unpack(ARGV, 9))
if closing == '1' then
  call('SREM', key('idle'), worker)
  for _, endpoint in ipairs(call('ZRANGE', key('warm', worker), 0, 99)) do place(endpoint) end
end

local reply = { 'OK' }
local function order(word, value)
  reply[#reply + 1] = word
  reply[#reply + 1] = value
end
local remembered = to_replay(mine[2])
if remembered ~= '' then order('replay', remembered) end
local newcomers = call('HRANDFIELD', key('newcomers'), 100, 'WITHVALUES')
if #newcomers > 0 and call('SISMEMBER', key('witnesses'), worker) == 1 then
  for i = 1, #newcomers, 2 do order('note', newcomers[i] .. ' ' .. newcomers[i + 1]) end
end
if mine[3] then order('control', mine[3]) end
for _, id in ipairs(call('SRANDMEMBER', key('cancels', worker), 1000)) do order('cancel', id) end
local ends = call('HRANDFIELD', key('session-ends', worker), 1000, 'WITHVALUES')
for i = 1, #ends, 2 do order('close', ends[i] .. ' ' .. ends[i + 1]) end
return reply
