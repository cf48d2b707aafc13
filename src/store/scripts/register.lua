#!lua flags=allow-oom
-- Makes a worker known in a zone, its lease beginning now. It changes nothing before a server has seen that it exists: a
-- Redis that forgets the worker is told of it then.
-- @include gate, skills
--
-- ARGV  2 worker · 3 its skills, joined by newlines · 4 how many types of tasks it has loaded · 5… name and description
--       (JSON) of each in turn · behind them fields of its hash, name and value in turn
-- Gives {'OK', the time of what is remembered and, behind a space, the history that asks for the journals} · {'DEAD'} (the name was buried; a process registers under a new one)
-- Cost  O(skills + types)
--
-- Of the workers that loaded a type, the one that registered last describes it.

local worker, fields = ARGV[2], 5 + 2 * tonumber(ARGV[4])
local me = key('worker', worker)
if call('HGET', me, 'st') == 'dead' then return { 'DEAD' } end
call('HSET', me, 'st', 'alive', 'beat', now_text, 'bt', now_text, 'born', now_text, unpack(ARGV, fields))
-- Claims are counted by the process.
call('HDEL', me, 'claim', 'claimed')
call('SADD', key('workers'), worker)
call('SADD', key('alive'), worker)
lose_skills(worker)
for skill in string.gmatch(ARGV[3], '[^\n]+') do
  call('SADD', key('skills', worker), skill)
  call('SADD', key('skilled', skill), worker)
end
for i = 5, fields - 1, 2 do
  call('SADD', key('types'), ARGV[i])
  call('HSET', key('type', ARGV[i]), 'def', ARGV[i + 1], 'at', now_text)
  call('HDEL', key('type', ARGV[i]), 'gone')
end
call('ZADD', key('unseen'), call('HINCRBY', key('gate'), 'roster', 1), worker)
return { 'OK', to_tell() .. ' ' .. (identity() or '') }
