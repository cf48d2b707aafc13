-- Shared by scripts that ask whether this Redis still knows what it has told us.

-- Which process this is, and which history it continues: a restart, a restore or a promoted replica changes one or
-- both. nil when the server hides either.
local function identity()
  local info = call('INFO', 'server', 'replication')
  -- A plain search first: a pattern would be tried at every byte.
  local function told(name)
    local _, before = string.find(info, name, 1, true)
    return before and string.match(info, '^%w+', before + 1)
  end
  local run, history = told('\nrun_id:'), told('\nmaster_replid:')
  return run and history and run .. ' ' .. history
end

-- The time up to which journals are to be told: to which the store remembers, or, while some are missing, remembered then.
local function to_tell()
  local known = call('HMGET', key('gate'), 'untold', 'mark')
  return known[1] or known[2] or '0'
end

-- The same and, behind a space, the history that asks for it, when a worker is to tell what its journal knows; else ''.
-- `settled` is the history with which it did so last.
local function to_replay(settled)
  local who = identity()
  return who and settled ~= who and to_tell() .. ' ' .. who or ''
end

-- Whether this is not the history that a call was made for: it was late, and is not to be taken for one of now.
local function is_another(history)
  return history ~= (identity() or '')
end

-- nil when the zone was reconciled with this very history; else why nothing may be sent: SHUT until it is, or HIDDEN.
local function gate_shut()
  local who = identity()
  if not who then return 'HIDDEN' end
  return call('HGET', key('gate'), 'id') ~= who and 'SHUT' or nil
end

-- Whether a journal that has not been told yet may know of work that is not known here.
local function may_be_forgotten()
  for _, name in ipairs(closed_by()) do
    if string.sub(name, 1, 7) == 'worker/' then return true end
  end
  return gate_shut() == 'SHUT'
end
