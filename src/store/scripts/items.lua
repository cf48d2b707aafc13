-- Shared by scripts that do the same for each of many items. ARGV[2] holds them, packed as one list of all their values: a
-- list for each would grow by itself. A value that an item does not have is false.

-- What Redis refuses to everybody, such as a write to a replica or beyond its memory, is the failure of the call.
-- Anything else is the item's own.
local function is_own(failure)
  local code = string.match(failure, '^(%u+) ')
  return code == nil or code == 'ERR' or code == 'WRONGTYPE'
end

-- Calls act(before, value, …) for each item of `width` values, with how many came before it. Gives the answers. One that
-- fails keeps no other from its turn: its answer is {'ERROR', why}.
local function for_each_item(width, act)
  local values, reply = cmsgpack.unpack(ARGV[2]), {}
  for at = 1, #values, width do
    local done, answer = pcall(act, #reply, unpack(values, at, at + width - 1))
    if not done then
      local why = type(answer) == 'table' and answer.err or answer
      if not is_own(why) then return redis.error_reply('-' .. why) end
      answer = { 'ERROR', why }
    end
    reply[#reply + 1] = answer
  end
  settle()
  return reply
end
