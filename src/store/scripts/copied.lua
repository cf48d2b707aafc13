#!lua flags=allow-oom
-- Says what of some facts is here, and writes something behind them: a WAIT that follows on this connection waits until
-- replicas have the facts as well. So it does not matter which connection wrote them, nor whether another process has
-- become the primary meanwhile: what that one lacks is not here.
--
-- ARGV  2… for each fact: its kind, job or run, and its id; or the kind intent, the job, and the fence of its attempt
-- Gives for each '1' when it is here, or ''
-- Cost  O(facts)

local reply, at = {}, 2
while ARGV[at] do
  local kind, id = ARGV[at], ARGV[at + 1]
  if kind == 'intent' then
    local its = call('HMGET', key('job', id), 'it', 'f')
    reply[#reply + 1] = its[1] and its[2] == ARGV[at + 2] and '1' or ''
    at = at + 3
  else
    reply[#reply + 1] = call('EXISTS', key(kind, id)) == 1 and '1' or ''
    at = at + 2
  end
end
call('INCR', key('copied'))
return reply
