--- Count a connection no longer among those of its user.
--
-- It is found by its number, since a process that never got the answer to its first call does not know the rest.
-- @batch 64
-- @full runs         it deletes a member
-- @item key held      sorted set of a user: <admitted>:<process>:<number>; at most 101 members, as hold.lua leaves it
-- @item arg process   id of the process that had the connection
-- @item arg number    the connection's number there
-- @returns integer    1 if it counted

local MOST = 101

local function item(held, process, number)
  local suffix = ':' .. process .. ':' .. number
  for _, member in ipairs(redis.call('ZRANGE', held, 0, MOST - 1)) do
    if string.sub(member, 18) == suffix then
      return redis.call('ZREM', held, member)
    end
  end
  return 0
end
