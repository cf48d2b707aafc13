-- Shared by scripts that do the same for each of many items. ARGV holds the items from its second place on, each led by
-- the number of its own arguments.

-- What Redis refuses to everybody, such as a write to a replica or beyond its memory, is the failure of the call.
-- Anything else is the item's own.
local function is_own(failure)
  local code = string.match(failure, '^(%u+) ')
  return code == nil or code == 'ERR' or code == 'WRONGTYPE'
end

-- Calls act(from, to, before) for each item, with the first and the last place of its arguments and how many came before
-- it. Gives the answers. One that fails keeps no other from its turn: its answer is {'ERROR', why}.
local function for_each_item(act)
  local reply, at, count = {}, 2, #ARGV
  while at <= count do
    local to = at + ARGV[at]
    local done, answer = pcall(act, at + 1, to, #reply)
    if not done then
      local why = type(answer) == 'table' and answer.err or answer
      if not is_own(why) then return redis.error_reply('-' .. why) end
      answer = { 'ERROR', why }
    end
    reply[#reply + 1] = answer
    at = to + 1
  end
  settle()
  return reply
end
