--- Count a connection of a user, or renew it; close the oldest when there are more than a bound.
--
-- A user's connections are ordered by the time at which they were admitted, and the newest `most` stay. No other state is
-- needed: after a restart without data, or when a process was cut off, a renewal adds the connection again in its old
-- place. A new connection is always the newest, also when the clock was set back.
--
-- Each process follows a pub/sub channel of its own, so that it learns at once which connection to close. If nobody follows
-- that channel, the process is dead or cut off. When there are too many connections, those of such processes are removed
-- first, so that a dead server closes no living connection. A process that was only cut off adds its own again when it renews.
--
-- Crash points: a process that dies before or after the call leaves at most one member, which expires with its lease and
-- pushes out no other connection. The message to close a connection is sent before its member is removed; a process that misses
-- it gets '' at its next renewal.
-- @batch 8
-- @full refused      it may add a user; existing connections stay
-- @include now
-- @include typed
-- @shared lease       milliseconds for which a connection counts after its last renewal
-- @shared channel     prefix of the pub/sub channels of processes; the process id follows
-- @item key connections  sorted set of a user: <admitted>:<process>:<number>, by the millisecond at which the lease ends
-- @item arg process   id of the process that has the connection
-- @item arg number    the connection's number in that process
-- @item arg admitted  the result of the first call; empty for the first call
-- @item arg most      the most connections of the user
-- @returns string     when it was admitted, in microseconds; empty when the connection must close

local ms = math.floor(now / 1000)
lease = tonumber(lease)

-- By process id, for this batch: whether the process follows its channel.
local alive = {}

local function is_alive(process)
  local found = alive[process]
  if found == nil then
    found = redis.call('PUBSUB', 'SHARDNUMSUB', channel .. process)[2] > 0
    alive[process] = found
  end
  return found
end

local function admitted_at(member)
  return tonumber(string.sub(member, 1, 17))
end

-- The process and the number of a member.
local function owner_of(member)
  local colon = string.find(member, ':', 19, true)
  return string.sub(member, 19, colon - 1), string.sub(member, colon + 1)
end

local function close(connections, member)
  local process, number = owner_of(member)
  redis.call('SPUBLISH', channel .. process, number)
  redis.call('ZREM', connections, member)
end

-- Closes the oldest of at most 101 members: each call leaves at most `most`, which is at most 100. Returns true when `own` is
-- among the closed ones.
local function make_room(connections, members, most, own)
  local living, oldest, oldest_at = {}, nil, nil
  for _, member in ipairs(members) do
    if is_alive((owner_of(member))) then
      living[#living + 1] = member
      local at = admitted_at(member)
      if not oldest or at < oldest_at then
        oldest, oldest_at = member, at
      end
    else
      redis.call('ZREM', connections, member)
    end
  end
  local over = #living - most
  if over <= 0 then
    return false
  end
  if over == 1 then
    close(connections, oldest)
    return oldest == own
  end
  table.sort(living)
  local closed = false
  for at = 1, over do
    close(connections, living[at])
    closed = closed or living[at] == own
  end
  return closed
end

-- The most members that this script leaves, and one more. Other programs may have added any number.
local MAX_MEMBERS = 101

-- The first members. Members that another program added are removed, so that they push out no connection.
local function members_of(connections)
  local members = {}
  for _, member in ipairs(redis.call('ZRANGE', connections, 0, MAX_MEMBERS - 1)) do
    local admitted = string.match(member, '^(%d+):[^:]+:%d+$')
    if admitted and #admitted == 17 and tonumber(admitted) < 2 ^ 53 then
      members[#members + 1] = member
    else
      redis.call('ZREM', connections, member)
    end
  end
  return members
end

local function item(connections, process, number, admitted, most)
  local wrong = typed(connections, 'zset')
  if wrong then
    return wrong
  end
  alive[process] = true
  most = tonumber(most)
  redis.call('ZREMRANGEBYSCORE', connections, '-inf', ms)
  local members
  if admitted == '' then
    members = members_of(connections)
    local at = now
    for _, member in ipairs(members) do
      at = math.max(at, admitted_at(member) + 1)
    end
    admitted = string.format('%017.0f', at)
  end
  local own = admitted .. ':' .. process .. ':' .. number
  redis.call('ZADD', connections, ms + lease, own)
  redis.call('PEXPIRE', connections, lease)
  if members then
    members[#members + 1] = own
  elseif redis.call('ZCARD', connections) > most then
    members = members_of(connections)
  end
  if members and #members > most and make_room(connections, members, most, own) then
    return ''
  end
  return admitted
end
