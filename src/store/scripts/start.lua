-- Shared by scripts that put jobs into their lines whose time has come.
-- @needs event, move, lines, place

local function start(id)
  local job = key('job', id)
  local facts = call('HMGET', job, 'ep', 'cls', 'sc', 'ex', 'att', 'st')
  call('ZREM', key('delayed'), id)
  -- Half a job is only taken away: it must not stand in others' way. fsck names it.
  if facts[6] ~= 'DELAYED' or not (facts[1] and facts[2] and facts[3] and facts[4]) then return end
  call('SREM', key('later', facts[1]), id)
  move(id, 'DELAYED', 'QUEUED')
  call('HSET', job, 'st', 'QUEUED', 'qt', now_text)
  enter_line(id, facts[1], line_of(facts[2]), facts[3], facts[4])
  announce(id, event(id, facts[5], state_body('QUEUED')))
  place(facts[1])
end
