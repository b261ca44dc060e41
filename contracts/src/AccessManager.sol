// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Deadline, Deadlines} from "./lib/Deadlines.sol";

/// @title Who may train on whose records (AccessManager), an interpretation of Juneja and Marefat, IEEE BHI 2018
/// @notice Records lie off chain, encrypted; here stand their hashes, who may see them in which role and for what, and
/// the versions of each patient's own model. Access is asked for batch by batch, and only with access is a retrained
/// model recorded. It stands once its patient finds that it is no worse than the one before; else it is rolled back.
/// @dev What is refused reverts and so leaves no trace here: there is no event for it.
contract AccessManager {
    /*//////////////////////////////////////////////////////////////
                                 EVENTS
    //////////////////////////////////////////////////////////////*/

    /// @notice `account` acts in `role` from now on; in `None` it may do nothing.
    event RoleAssigned(address indexed account, Role role);
    /// @notice `patient` lets whoever has `role` use its records for `purpose` up to block `until`; 0 takes that back.
    event Consented(address indexed patient, Role role, Purpose purpose, uint64 until);
    /// @notice Records of `patient` with this hash lie in the store.
    event Posted(address indexed patient, bytes32 data);
    /// @notice `requester` may have these records of `patient` for `purpose`: the store releases them.
    event Granted(address indexed requester, address indexed patient, bytes32 data, Purpose purpose);
    /// @notice The model that all patients start from.
    event BaseTrained(bytes32 model);
    /// @notice `model` was made of these records, and waits for what its patient finds.
    event Retrained(address indexed patient, bytes32 data, bytes32 model);
    /// @notice `model` stands: on records kept back it scores `afterwards`, the one before it `before`, in millionths.
    event Kept(address indexed patient, bytes32 model, uint32 before, uint32 afterwards);
    /// @notice `model` is worse than the one before it, or nobody said what it is; the one before it stands again.
    event RolledBack(address indexed patient, bytes32 model);

    /*//////////////////////////////////////////////////////////////
                                STORAGE
    //////////////////////////////////////////////////////////////*/

    /// @notice What a party may be; nobody consents to `None`.
    enum Role { None, Classifier, Clinician }
    /// @notice What records may be used for.
    enum Purpose { Training, Retraining }

    /// @notice What a patient consents to.
    struct Consent {
        Deadline until; // its last block
        uint16 takenBack; // how often it was
    }

    /// @notice One party's access to one batch of records.
    struct Access {
        address requester; // nobody until it is asked for
        Purpose purpose;
        bool spent; // a model was recorded with it
        uint16 takenBack; // how often the consent it rests on had been
        Deadline deadline; // to record a model in
    }

    /// @notice The highest score.
    uint32 public constant ONE = 1_000_000;

    /// @notice Who assigns roles.
    address public immutable authority;
    /// @notice Blocks in which an access can be used, and a model be judged.
    uint256 public immutable accessBlocks;

    /// @notice Whether an account is a patient's.
    mapping(address => bool) public isPatient;
    /// @notice The role of each account.
    mapping(address => Role) public roles;
    /// @notice A patient's consents, by role and purpose.
    mapping(address => mapping(Role => mapping(Purpose => Consent))) public consents;
    /// @notice Whether a patient posted a hash. That another posts the same holds up nobody.
    mapping(address => mapping(bytes32 => bool)) public posted;
    /// @notice Who has access to a patient's records with a hash.
    mapping(address => mapping(bytes32 => Access)) public accesses;
    /// @notice The model that all patients start from.
    bytes32 public base;
    /// @dev Each patient's versions, in the order in which they came to stand; the last may wait for judgement.
    mapping(address => bytes32[]) private versions;
    /// @notice Until when a patient may judge its last version; 0 where none waits.
    mapping(address => Deadline) public waitsUntil;
    /// @notice The last block of the access, or of the judgement, that was opened last.
    Deadline public deadline;

    /*//////////////////////////////////////////////////////////////
                              CONSTRUCTOR
    //////////////////////////////////////////////////////////////*/

    /// @param patients whose records may be asked for
    /// @param accessBlocks_ blocks in which an access can be used, and a model be judged
    constructor(address[] memory patients, uint256 accessBlocks_) {
        for (uint256 i; i < patients.length; ++i) {
            require(!isPatient[patients[i]], "listed twice");
            isPatient[patients[i]] = true;
        }
        (authority, accessBlocks) = (msg.sender, accessBlocks_);
    }

    modifier onlyPatient() {
        require(isPatient[msg.sender], "not a patient");
        _;
    }

    /*//////////////////////////////////////////////////////////////
                                 POLICY
    //////////////////////////////////////////////////////////////*/

    /// @notice The authority says in which role an account acts, or that it no longer acts in any.
    function assign(address account, Role role) external {
        require(msg.sender == authority, "not the authority");
        require(!isPatient[account], "patients have no role");
        roles[account] = role;
        emit RoleAssigned(account, role);
    }

    /// @notice A patient lets whoever has a role use its records for a purpose up to a block.
    function grant(Role role, Purpose purpose, uint64 until) external onlyPatient {
        require(role != Role.None, "not a role");
        require(until >= block.number, "over already");
        consents[msg.sender][role][purpose].until = Deadline.wrap(until);
        emit Consented(msg.sender, role, purpose, until);
    }

    /// @notice A patient takes a consent back; accesses that rest on it end with it, for good.
    function revoke(Role role, Purpose purpose) external onlyPatient {
        require(_consented(msg.sender, role, purpose), "no grant");
        Consent storage consent = consents[msg.sender][role][purpose];
        consent.until = Deadline.wrap(0);
        unchecked { consent.takenBack++; } // never refused, however often
        emit Consented(msg.sender, role, purpose, 0);
    }

    /*//////////////////////////////////////////////////////////////
                                 ACCESS
    //////////////////////////////////////////////////////////////*/

    /// @notice A patient says that records lie in the store.
    /// @param data their hash, salted, so that nobody can guess what they are
    function post(bytes32 data) external onlyPatient {
        require(!posted[msg.sender][data], "posted before");
        posted[msg.sender][data] = true;
        emit Posted(msg.sender, data);
    }

    /// @notice Ask for records. They may be used where the requester has a role that their patient consented to, for just
    /// this purpose, and nobody has asked for them before.
    function requestAccess(address patient, bytes32 data, Purpose purpose) external {
        require(posted[patient][data], "no such records");
        uint16 takenBack = _requireConsent(patient, purpose);
        require(accesses[patient][data].requester == address(0), "already granted");
        deadline = Deadlines.within(accessBlocks);
        accesses[patient][data] = Access(msg.sender, purpose, false, takenBack, deadline);
        emit Granted(msg.sender, patient, data, purpose);
    }

    /*//////////////////////////////////////////////////////////////
                                 MODELS
    //////////////////////////////////////////////////////////////*/

    /// @notice A classifier records the model that all patients start from, once.
    function trained(bytes32 model) external {
        require(roles[msg.sender] == Role.Classifier, "not a classifier");
        require(model != 0, "no model");
        require(base == 0, "there is a base");
        base = model;
        emit BaseTrained(model);
    }

    /// @notice Who has access to records says which model was made of them; the consent must still hold.
    function retrained(address patient, bytes32 data, bytes32 model) external {
        Access storage access = accesses[patient][data];
        require(access.requester == msg.sender, "no access");
        require(access.purpose == Purpose.Retraining, "not for retraining");
        require(!access.spent, "already retrained");
        require(model != 0, "no model");
        access.deadline.requireNotPassed();
        require(access.takenBack == _requireConsent(patient, Purpose.Retraining), "taken back since");
        require(Deadline.unwrap(waitsUntil[patient]) == 0, "a version waits");
        access.spent = true;
        versions[patient].push(model);
        deadline = waitsUntil[patient] = Deadlines.within(accessBlocks);
        emit Retrained(patient, data, model);
    }

    /// @notice A patient says what its newest version, and the one before it, score on records it kept back.
    /// @dev If validation falls, the version is rolled back.
    function judge(uint32 before, uint32 afterwards) external onlyPatient {
        require(Deadline.unwrap(waitsUntil[msg.sender]) > 0, "nothing to judge");
        waitsUntil[msg.sender].requireNotPassed();
        require(before <= ONE && afterwards <= ONE, "not a score");
        if (afterwards < before) return _rollBack(msg.sender);
        waitsUntil[msg.sender] = Deadline.wrap(0);
        emit Kept(msg.sender, current(msg.sender), before, afterwards);
    }

    /// @notice Anybody has a version rolled back whose patient did not judge it in time.
    function close(address patient) external {
        require(Deadline.unwrap(waitsUntil[patient]) > 0, "nothing to judge");
        waitsUntil[patient].requirePassed();
        _rollBack(patient);
    }

    /*//////////////////////////////////////////////////////////////
                                 VIEWS
    //////////////////////////////////////////////////////////////*/

    /// @notice The newest version of a patient's model, the base where it has none.
    function current(address patient) public view returns (bytes32) {
        uint256 count = versions[patient].length;
        return count == 0 ? base : versions[patient][count - 1];
    }

    /// @notice A patient's versions in their order.
    function history(address patient) external view returns (bytes32[] memory) {
        return versions[patient];
    }

    /*//////////////////////////////////////////////////////////////
                                INTERNALS
    //////////////////////////////////////////////////////////////*/

    function _rollBack(address patient) private {
        emit RolledBack(patient, current(patient));
        versions[patient].pop();
        waitsUntil[patient] = Deadline.wrap(0);
    }

    /// @dev The sender must have a role, and the patient's consent for it must hold; tells how often it was taken back.
    function _requireConsent(address patient, Purpose purpose) private view returns (uint16) {
        require(roles[msg.sender] != Role.None, "no role");
        require(_consented(patient, roles[msg.sender], purpose), "no grant");
        return consents[patient][roles[msg.sender]][purpose].takenBack;
    }

    /// @dev A consent holds up to its last block.
    function _consented(address patient, Role role, Purpose purpose) private view returns (bool) {
        return !consents[patient][role][purpose].until.passed();
    }
}
