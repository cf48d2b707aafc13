-- Shared by scripts that put jobs into their lines whose time has come.
-- @needs event, move, lines, place

local function start(id)
  local job = key('job', id)
  local facts = call('HMGET', job, 'ep', 'cls', 'sc', 'ex', 'att', 'st')
  call('ZREM', key('delayed'), id)
  if facts[6] ~= 'DELAYED' then return end
  call('SREM', key('later', facts[1]), id)
  move(id, 'DELAYED', 'QUEUED')
  call('HSET', job, 'st', 'QUEUED', 'qt', now_text)
  enter_line(id, facts[1], line_of(facts[2]), facts[3], facts[4])
  announce(id, event(id, facts[5], state_body('QUEUED')))
  place(facts[1])
end
