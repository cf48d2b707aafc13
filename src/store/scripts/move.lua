-- Shared by scripts that move one job at a time.

-- Moves a job from one state's index to another's.
local function move(id, from, to)
  write('ZREM', key('ix:state', from), id)
  write('ZADD', key('ix:state', to), '0', id)
end
