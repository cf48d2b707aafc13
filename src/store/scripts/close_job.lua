-- Shared by scripts that end jobs: what every end has in common.
-- @needs limits, lines, move, place, rates

-- How long the output of a job that does not keep it stays for those who are still watching.
local LINGER_S = 60

-- What close_job needs to know of a job.
local CLOSING = { 'dedupe', 'queue', 'ob', 'retain', 'permits', 'sealed', 'run', 'ep' }

-- Ends a job. `facts` are the fields that CLOSING names. The caller writes the job's own fields, `st` and `e` included,
-- and takes it from where it waited.
local function close_job(id, from, to, facts)
  move(id, from, to)
  if facts[6] then call('UNLINK', key('secret', id)) end
  -- What nobody has resolved yet is neither purged nor trimmed.
  if to ~= 'INDETERMINATE' then write('ZADD', key(to == 'SUCCEEDED' and 'done:good' or 'done:bad'), now_text, id) end
  if facts[1] and call('GET', key('dedupe', facts[1])) == id then call('DEL', key('dedupe', facts[1])) end
  if facts[2] then
    call('ZREM', key('queue', facts[2]), id)
    count_job(facts[2], 'out')
  end
  if facts[3] then
    if facts[4] then
      call('EXPIRE', key('output', id), LINGER_S)
      call('HSET', key('job', id), 'gone', 1)
    else
      call('ZADD', key('outputs'), now, id)
      call('INCRBY', key('outbytes'), facts[3])
    end
  end
  if facts[5] then give_back(id, names_of(definition_of(id))) end
  -- Its run lies in another slot: a server takes the end there.
  if facts[7] then write('ZADD', key('run-ends'), now_text, facts[7] .. ' ' .. id .. ' ' .. to) end
  note_event('job.' .. string.lower(to), id)
  drop_own(facts[8])
end

-- Ends a job that waits.
local function close_waiting(id, from, to)
  local job = key('job', id)
  local facts = call('HMGET', job, unpack(CLOSING))
  call('HSET', job, 'st', to, 'e', now_text, 'eff', 'NONE')
  call('HDEL', job, 'parked')
  write('ZREM', key('expire'), id)
  close_job(id, from, to, facts)
end
