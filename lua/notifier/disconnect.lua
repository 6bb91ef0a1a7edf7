--- Remove a connection from those of its user.
--
-- It is found by process and number: a process that never got the reply to its first call does not know the rest.
-- @batch 64
-- @full runs         it deletes a member
-- @item key connections  sorted set of a user: <admitted>:<process>:<number>; connect.lua leaves at most 101 members
-- @item arg process   id of the process that had the connection
-- @item arg number    the connection's number in that process
-- @returns integer    1 if it was there

local MAX_MEMBERS = 101

local function item(connections, process, number)
  local suffix = ':' .. process .. ':' .. number
  for _, member in ipairs(redis.call('ZRANGE', connections, 0, MAX_MEMBERS - 1)) do
    if string.sub(member, 18) == suffix then
      return redis.call('ZREM', connections, member)
    end
  end
  return 0
end
