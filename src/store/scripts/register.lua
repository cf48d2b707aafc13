#!lua flags=allow-oom
-- Makes a worker known in a zone, its lease beginning now. It changes nothing before a server has seen that it exists: a
-- Redis that forgets the worker is told of it then.
-- @include gate, skills
--
-- ARGV  2 worker · 3 its skills, joined by newlines · 4… fields of its hash, name and value in turn
-- Gives {'OK', the time of what is remembered} · {'DEAD'} (the name was buried; a process registers under a new one)
-- Cost  O(skills)

local worker = ARGV[2]
local me = key('worker', worker)
if call('HGET', me, 'st') == 'dead' then return { 'DEAD' } end
call('HSET', me, 'st', 'alive', 'beat', 1, 'bt', now_text, 'born', now_text, unpack(ARGV, 4))
-- Claims are counted by the process.
call('HDEL', me, 'claim', 'claimed')
call('SADD', key('workers'), worker)
call('SADD', key('alive'), worker)
lose_skills(worker)
for skill in string.gmatch(ARGV[3], '[^\n]+') do
  call('SADD', key('skills', worker), skill)
  call('SADD', key('skilled', skill), worker)
end
call('ZADD', key('unseen'), call('HINCRBY', key('gate'), 'roster', 1), worker)
return { 'OK', to_tell() }
